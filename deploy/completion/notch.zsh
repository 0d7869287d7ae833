#compdef notch
# Zsh completion of notch(1). Commands and options are those of notch --help and of each command's --help; a test says so.

_notch_run() {
  _arguments -A '-*' \
    '(- *)'{-h,--help}'[print the options and exit]' \
    '--service[the service label of the program]:service:' \
    '--dir[directory of the segments]:directory:_files -/' \
    '--modules[the modules to use]:modules:_values -s , module io net dns malloc locks threads http tls malloc_live all none' \
    '--tls[measure HTTP inside TLS too]' \
    '--library[the library to preload]:library:_files -g "*.so*"' \
    '(-):program: _command_names -e' \
    '*::arguments: _normal'
}

_notch_ready() {
  _arguments \
    '(- *)'{-h,--help}'[print the options and exit]' \
    '--address[address that the agent serves on]:ADDRESS\:PORT:' \
    '--timeout-s[seconds to wait for the answer]:seconds:'
}

_notch() {
  local curcontext="$curcontext" state line
  _arguments -C \
    '(- *)--help[print the commands and exit]' \
    '(- *)--version[print the version and exit]' \
    '1:command:((ready\:"ask an agent whether it is ready" run\:"execute a program and measure it" help\:"list the commands, or a command'"'"'s options"))' \
    '*::arguments:->arguments'
  [[ $state == arguments ]] || return
  case $line[1] in
    ready) _notch_ready ;;
    run) _notch_run ;;
    help) _arguments '1:command:(ready run)' ;;
  esac
}

_notch "$@"
