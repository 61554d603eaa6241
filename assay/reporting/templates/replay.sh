
# --- The same in every script: what to say, and how assay tries the finding where curl cannot. ---------------------
say() { printf '%s\n' "$*"; }
stop() {
  say "could not be tried: $*" >&2
  say "with assay at hand: $replay" >&2
  exit 2
}
by_replay() { # the target is that of the run, or ASSAY_BASE_URL; the run is known to assay, or lies beside this script
  command -v assay >/dev/null || stop "$* Install assay, and run this again"
  say "$*"
  folder=$(dirname -- "$0")/..
  set --
  [ ! -f "$folder/verdict.json" ] || set -- "$@" --run "$folder"
  [ -z "${ASSAY_BASE_URL:-}" ] || set -- "$@" --base-url "$ASSAY_BASE_URL"
  [ -z "${ASSAY_PROJECT:-}" ] || set -- "$@" --project "$ASSAY_PROJECT"
  [ -z "${ASSAY_CLUSTER:-}" ] || set -- "$@" --cluster "$ASSAY_CLUSTER"
  ended=0
  again "$@" || ended=$?
  case $ended in
    0) say 'It shows no longer.' && exit 1 ;;
    1) say 'It shows.' && exit 0 ;;
    130) exit 130 ;;
  esac
  say "assay could not decide (exit code $ended)" >&2
  exit 2
}
