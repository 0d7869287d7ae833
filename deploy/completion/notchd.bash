# Bash completion of notchd(8). Called by: bash-completion. The options are those of notchd --help; a test says so.
# shellcheck shell=bash

_notchd() {
  local cur prev
  _get_comp_words_by_ref -n : cur prev # --listen takes an address with a colon
  case $prev in
    --dir | --path.*) _filedir -d && return ;;
    --web.config.file) _filedir '@(yml|yaml)' && return ;;
    --ebpf) mapfile -t COMPREPLY < <(compgen -W 'auto off require' -- "$cur") && return ;;
    --log.level) mapfile -t COMPREPLY < <(compgen -W 'debug info warn error' -- "$cur") && return ;;
    --listen.group) mapfile -t COMPREPLY < <(compgen -g -- "$cur") && return ;;
    --listen | --listen.mode | --web.listen-address | --web.telemetry-path | --web.max-requests | \
      --web.max-held-bytes | --retention | --linger | \
      --limit.* | --host.* | --collector.* | --sweep-ms) return ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W '
    --help --version --dir --listen --web.listen-address --listen.mode --listen.group
    --web.telemetry-path --web.config.file --web.systemd-socket --web.max-requests
    --web.max-held-bytes --per-process --retention --linger
    --service-owner --limit.segments --limit.bytes --limit.series
    --limit.segments-per-uid --limit.bytes-per-uid --limit.series-per-uid --limit.dead-rows
    --limit.families --limit.families-per-uid --limit.dead-rows-per-uid
    --limit.page-bytes --limit.page-bytes-per-uid --limit.page-bytes-per-segment
    --limit.ledger-bytes --limit.ledger-bytes-per-uid
    --host.collectors --host.prefix --host.interval-s
    --collector.arp.device-exclude --collector.arp.device-include --collector.diskstats.device-exclude
    --collector.diskstats.device-include --collector.filesystem.fs-types-exclude
    --collector.filesystem.fs-types-include --collector.filesystem.mount-points-exclude
    --collector.filesystem.mount-points-include --collector.hwmon.chip-exclude --collector.hwmon.chip-include
    --collector.hwmon.sensor-exclude --collector.hwmon.sensor-include --collector.netdev.device-exclude
    --collector.netdev.device-include --collector.netclass.ignored-devices --collector.netstat.fields
    --collector.vmstat.fields
    --path.procfs --path.sysfs --path.rootfs
    --ebpf --sweep-ms --log.level' -- "$cur")
}
complete -F _notchd notchd
