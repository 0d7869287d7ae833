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
    --listen | --web.listen-address | --web.telemetry-path | --web.max-requests | --retention | --linger | \
      --limit.* | --host.* | --sweep-ms) return ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W '
    --help --version --dir --listen --web.listen-address --web.telemetry-path --web.config.file
    --web.systemd-socket --web.max-requests --per-process --retention --linger
    --service-owner --limit.segments --limit.bytes --limit.series
    --limit.segments-per-uid --limit.bytes-per-uid --limit.series-per-uid --limit.dead-rows
    --limit.families --limit.families-per-uid --limit.dead-rows-per-uid
    --limit.page-bytes --limit.page-bytes-per-uid --limit.page-bytes-per-segment
    --limit.ledger-bytes --limit.ledger-bytes-per-uid
    --host.collectors --host.prefix --host.interval-s --path.procfs --path.sysfs --path.rootfs
    --ebpf --sweep-ms --log.level' -- "$cur")
}
complete -F _notchd notchd
