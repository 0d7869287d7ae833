# Called by: cpack, before it makes a package. Without dpkg-shlibdeps it would only warn, and make packages that depend on
# no library: they can be installed, and their programs do not start.
cmake_minimum_required(VERSION 3.25)

foreach(program dpkg-shlibdeps file)
  find_program(found_${program} ${program})
  if(NOT found_${program})
    message(FATAL_ERROR "${program} is missing, which packages are made with: deploy/install-packages package")
  endif()
endforeach()
