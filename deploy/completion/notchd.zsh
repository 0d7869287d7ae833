#compdef notchd
# Zsh completion of notchd(8). The options are those of notchd --help; a test says so.

_arguments \
  '(- *)'{-h,--help}'[print the options and exit]' \
  '(- *)--version[print the version and exit]' \
  '--dir[directory of the segments]:directory:_files -/' \
  '*'{--listen,--web.listen-address}'[address to serve on]:ADDRESS\:PORT or unix\:PATH:' \
  "--listen.mode[mode of the files of Unix sockets]:mode:" \
  "--listen.group[group of the files of Unix sockets]:group:_groups" \
  '--web.telemetry-path[path of the exposition]:path:' \
  '--web.config.file[TLS and basic authentication]:file:_files -g "*.y(a|)ml"' \
  '--web.systemd-socket[serve on the sockets that systemd passes]' \
  '--web.max-requests[scrapes served at one time]:count:' \
  '--web.max-held-bytes[bytes of the pages being sent]:bytes:' \
  '--per-process[one row per process]' \
  '--retention[how long a series without a living process stays]:duration:' \
  '--linger[how long the rows of a dead process stay]:duration:' \
  '*--service-owner[reserve the name of a service for a user]:name=user:' \
  '--limit.segments[segments of all users]:count:' \
  '--limit.bytes[memory of all segments]:bytes:' \
  '--limit.series[series of all segments]:count:' \
  '--limit.segments-per-uid[segments of one user]:count:' \
  "--limit.bytes-per-uid[memory of one user's segments]:bytes:" \
  "--limit.series-per-uid[series of one user's segments]:count:" \
  '--limit.families[names of families of all users]:count:' \
  "--limit.families-per-uid[names of one user's families]:count:" \
  '--limit.dead-rows[rows of dead processes]:count:' \
  "--limit.dead-rows-per-uid[rows of one user's dead processes]:count:" \
  '--limit.page-bytes[bytes of the text of all series]:bytes:' \
  "--limit.page-bytes-per-uid[bytes of the text of one user's series]:bytes:" \
  "--limit.page-bytes-per-segment[bytes of the text of one segment's series]:bytes:" \
  "--limit.ledger-bytes[bytes of the rows of dead processes]:bytes:" \
  "--limit.ledger-bytes-per-uid[bytes of the rows of one user's dead processes]:bytes:" \
  "--host.collectors[the host's collectors that run]:list:(all none)" \
  "--host.prefix[prefix of the names of the host's families]:prefix:" \
  '--host.interval-s[seconds over which the processor use is measured]:seconds:' \
  '--collector.arp.device-exclude[network devices whose neighbours are not shown]:regex:' \
  '--collector.arp.device-include[the only network devices whose neighbours are shown]:regex:' \
  '--collector.diskstats.device-exclude[block devices that are not shown]:regex:' \
  '--collector.diskstats.device-include[the only block devices that are shown]:regex:' \
  '--collector.filesystem.fs-types-exclude[types of file systems that are not shown]:regex:' \
  '--collector.filesystem.fs-types-include[the only types of file systems that are shown]:regex:' \
  '--collector.filesystem.mount-points-exclude[mount points of file systems that are not shown]:regex:' \
  '--collector.filesystem.mount-points-include[the only mount points of file systems that are shown]:regex:' \
  '--collector.hwmon.chip-exclude[sensor chips that are not shown]:regex:' \
  '--collector.hwmon.chip-include[the only sensor chips that are shown]:regex:' \
  '--collector.hwmon.sensor-exclude[sensors, as CHIP;SENSOR, that are not shown]:regex:' \
  '--collector.hwmon.sensor-include[the only sensors, as CHIP;SENSOR, that are shown]:regex:' \
  '--collector.netdev.device-exclude[network devices that are not shown]:regex:' \
  '--collector.netdev.device-include[the only network devices that are shown]:regex:' \
  '--collector.netclass.ignored-devices[network devices whose properties are not shown]:regex:' \
  '--collector.netstat.fields[counts of protocols that are shown]:regex:' \
  '--collector.vmstat.fields[fields of /proc/vmstat that are shown]:regex:' \
  "--path.procfs[where the host's /proc is mounted]:directory:_files -/" \
  "--path.sysfs[where the host's /sys is mounted]:directory:_files -/" \
  "--path.rootfs[where the host's / is mounted]:directory:_files -/" \
  '--ebpf[probes of the kernel]:mode:(auto off require)' \
  '--sweep-ms[milliseconds between two sweeps for dead processes]:milliseconds:' \
  '--log.level[what is logged]:level:(debug info warn error)'
