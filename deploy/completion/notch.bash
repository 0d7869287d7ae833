# Bash completion of notch(1). Called by: bash-completion. Commands and options are those of notch --help and of each
# command's --help; a test says so.
# shellcheck shell=bash

_notch_run() {
  case $prev in
    --dir) _filedir -d && return ;;
    --library) _filedir 'so*' && return ;;
    --modules)
      # The last of a list with commas.
      local before=
      [[ $cur != *,* ]] || before=${cur%,*},
      mapfile -t COMPREPLY < <(compgen -P "$before" \
        -W 'io net dns malloc locks threads http tls malloc_live all none' -- "${cur##*,}")
      return
      ;;
    --service) return ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W '
    --help --service --dir --modules --tls --library --' -- "$cur")
}

_notch_ready() {
  case $prev in --address | --timeout-s) return ;; esac
  mapfile -t COMPREPLY < <(compgen -W '--help --address --timeout-s' -- "$cur")
}

_notch() {
  local cur prev words cword at
  _init_completion || return
  if ((cword == 1)); then
    mapfile -t COMPREPLY < <(compgen -W 'ready run help --help --version' -- "$cur")
    return
  fi
  if ((cword == 2)) && [[ ${words[1]} == help ]]; then
    mapfile -t COMPREPLY < <(compgen -W 'ready run' -- "$cur")
    return
  fi
  [[ ${words[1]} != ready ]] || { _notch_ready; return; }
  [[ ${words[1]} == run ]] || return
  for ((at = 2; at < cword; ++at)); do
    # The words behind -- are a command line of their own.
    if [[ ${words[at]} == -- ]]; then
      _command_offset $((at + 1))
      return
    fi
  done
  _notch_run
}
complete -F _notch notch
