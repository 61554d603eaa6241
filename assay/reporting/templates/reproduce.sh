
# --- The same in every script: sends, reads JSON, waits, compares, deletes. Only curl, awk and what POSIX has. ----
now() { date +%s; }

# begin CREDENTIALS: a new request, of main, outsider, none or with this value of Authorization.
begin() {
  n=$((n + 1)) who=$1
  : >"$dir/$n.headers"
  rm -f "$dir/$n.body"
}
header() { printf '%s\n' "$1" >>"$dir/$n.headers"; }
body() { cat >"$dir/$n.body"; }

# Secrets go to curl by its standard input: arguments can be seen by everybody on a machine.
secrets() {
  way
  case $who in
    none) ;;
    client) option data "$grant" ;;
    main) option header "Authorization: Bearer $ASSAY_TOKEN" ;;
    outsider) option header "Authorization: Bearer $ASSAY_OUTSIDER_TOKEN" ;;
    *) option header "Authorization: $who" ;;
  esac
}
option() { printf '%s = "%s"\n' "$1" "$(inside "$2")"; }

# send METHOD TARGET: leaves the status in $status (000: no answer) and the answer as lines in $dir/$n.lines.
send() {
  method=$1 target=$2
  patiently 4 "$was"
  lines
}
patiently() { # patiently TRIES STATUS: again where the target is busy, or a gateway answers in its place
  once
  case $status in
    "$2") return ;;
    429 | 503) ;;
    502 | 504) [ -z "$creating" ] || undo ;;
    *) return ;;
  esac
  [ "$1" -gt 1 ] || return 0
  sleep $((10 - 2 * $1))
  patiently $(($1 - 1)) "$2"
}
undo() { # A gateway gave up on a creation that may have been done: it goes before it is asked for again.
  undone=$creating creating=
  lately 60 nobody "$undone" || :
  creating=$undone
}
nobody() {
  by_name "$1" >"$dir/listed"
  [ -s "$dir/listed" ] || return 0
  while read -r id; do deleted "$id" || :; done <"$dir/listed"
  return 1
}
once() {
  set -- -sS --globoff --path-as-is --max-time 60 -H 'Expect:' -H "@$dir/$n.headers" \
    -o "$dir/$n.out" -D "$dir/$n.head" -w '%{http_code}'
  if [ "$method" = HEAD ]; then set -- "$@" --head; else set -- "$@" -X "$method"; fi
  if [ -f "$dir/$n.body" ]; then
    set -- "$@" --data-binary "@$dir/$n.body"
    grep -qi '^content-type[:;]' "$dir/$n.headers" || set -- "$@" -H 'Content-Type:'
  fi
  : >"$dir/$n.out"
  : >"$dir/$n.head"
  status=$(secrets | curl --config - "$@" "$base$target" 2>"$dir/$n.error") || true
  case $status in [0-9][0-9][0-9]) ;; *) status=000 ;; esac
}

# What leaves at one moment, as nearly as curl can. joins METHOD TARGET [NAME]: the request that was begun is one of them.
joins() {
  say "$n $1 $2" >>"$dir/meeting"
  [ -z "${3:-}" ] || say "$3" >>"$dir/names"
}
together() { # sends them, reads each answer; the ids of what they made are in $dir/born, behind their numbers
  : >"$dir/statuses"
  if curl --parallel --parallel-immediate --version >/dev/null 2>&1; then
    meeting | curl --parallel --parallel-immediate --config - >"$dir/statuses" 2>"$dir/meeting.error" || true
  else
    while read -r n method target; do (once && say "$n $status" >>"$dir/statuses") & done <"$dir/meeting"
    wait
  fi
  while read -r n method target; do
    status=$(sed -n "s/^$n //p" "$dir/statuses")
    case $status in [0-9][0-9][0-9]) ;; *) status=000 ;; esac
    cp "$dir/meeting.error" "$dir/$n.error" 2>/dev/null || :
    lines
    [ "$method" != POST ] || keep
    [ "$method" != POST ] || [ -z "$made" ] || say "$n $made" >>"$dir/born"
    ended="$n $method $target $status"
  done <"$dir/meeting"
  mv "$dir/meeting" "$dir/sent"
  back
}
back() { # to the last of them
  # shellcheck disable=SC2086 # four words
  set -- $ended
  n=$1 method=$2 target=$3 status=$4
}
meeting() {
  more=
  while read -r n method target; do
    [ -z "$more" ] || say next
    more=yes
    secrets
    say silent
    say globoff
    say path-as-is
    option max-time 60
    option header 'Expect:'
    option header "@$dir/$n.headers"
    option request "$method"
    option url "$base$target"
    option output "$dir/$n.out"
    option dump-header "$dir/$n.head"
    option write-out "$n %{http_code}\n"
    [ ! -f "$dir/$n.body" ] || option data-binary "@$dir/$n.body"
  done <"$dir/meeting"
}
taken_of() { # whether one of this method was accepted
  while read -r n method target; do
    if [ "$method" = "$1" ] && grep -q '^status 2' "$dir/$n.lines"; then return 0; fi
  done <"$dir/sent"
  back
  return 1
}
each_holds() { # each_holds METHOD: for each answer of this method that says more than that there are too many
  while read -r n method target; do
    [ "$method" = "$1" ] || continue
    status=$(sed -n 's/^status //p' "$dir/$n.lines")
    case $status in "$was") ;; 000 | 409 | 429 | 50[234]) continue ;; esac
    step=$(sed -n "s/^$n //p" "$dir/pairs")
    [ -z "$step" ] || [ "$step" = 1 ] || cp "$dir/$step.lines" "$dir/1.lines"
    member || return 1
  done <"$dir/sent"
  back
}

# The answer as lines: "status 202", "type application/json", "header date ...", "json yes", and one line for each
# value of its body, such as "body/spec/ports/0/container number 8080" or "body/spec object 3".
lines() {
  {
    say "status $status"
    LC_ALL=C awk '{ sub(/\r$/, "") } /^HTTP\// { count = 0; next } /:/ { all[++count] = $0 }
      END { for (i = 1; i <= count; i++) { name = tolower(substr(all[i], 1, index(all[i], ":") - 1))
        value = substr(all[i], index(all[i], ":") + 1); sub(/^[ \t]+/, "", value); print "header " name " " value
        if (name == "content-type") { sub(/[ \t]*;.*/, "", value); print "type " tolower(value); typed = 1 } }
        if (!typed) print "type none" }' "$dir/$n.head"
    if flat <"$dir/$n.out" >"$dir/flat"; then say 'json yes'; cat "$dir/flat"; else say 'json no'; fi
  } >"$dir/$n.lines"
}
flat() {
  LC_ALL=C awk '
  function skip() { while (p <= n && index(" \t\r\n", substr(s, p, 1))) p++ }
  function bad() { ok = 0; p = n + 1 }
  function hex(h,   i, v) { v = 0; h = tolower(h)
    for (i = 1; i <= 4; i++) v = v * 16 + index("0123456789abcdef", substr(h, i, 1)) - 1
    return v }
  function utf(v) {
    if (v < 128) return sprintf("%c", v)
    if (v < 2048) return sprintf("%c%c", 192 + int(v / 64), 128 + v % 64)
    if (v < 65536) return sprintf("%c%c%c", 224 + int(v / 4096), 128 + int(v / 64) % 64, 128 + v % 64)
    return sprintf("%c%c%c%c", 240 + int(v / 262144), 128 + int(v / 4096) % 64, 128 + int(v / 64) % 64, 128 + v % 64) }
  function str(   r, c, m, v, w) { p++; r = ""
    while (p <= n) {
      m = match(substr(s, p, 1000), /["\\]/)
      if (!m) { r = r substr(s, p, 1000); p += 1000; continue }
      r = r substr(s, p, m - 1); p += m - 1
      if (substr(s, p, 1) == "\"") { p++; return r }
      c = substr(s, p + 1, 1); p += 2
      if (c == "n" || c == "t" || c == "r" || c == "\\") r = r "\\" c
      else if (c == "\"" || c == "/") r = r c
      else if (c == "b") r = r "\\u0008"
      else if (c == "f") r = r "\\u000c"
      else if (c == "u") { v = hex(substr(s, p, 4)); p += 4
        if (v >= 55296 && v < 56320 && substr(s, p, 2) == "\\u") { w = hex(substr(s, p + 2, 4))
          if (w >= 56320 && w < 57344) { v = 65536 + (v - 55296) * 1024 + w - 56320; p += 6 } }
        if (v == 10) r = r "\\n"; else if (v == 9) r = r "\\t"; else if (v == 13) r = r "\\r"
        else if (v == 92) r = r "\\\\"; else r = r (v < 32 ? sprintf("\\u%04x", v) : utf(v)) }
      else { bad(); return "" }
    }
    bad(); return "" }
  function value(path,   c, k, i, at, t) {
    skip(); c = substr(s, p, 1)
    if (c == "{" || c == "[") {
      at = ++count; i = 0; p++; skip()
      if (substr(s, p, 1) == (c == "{" ? "}" : "]")) p++
      else for (;;) {
        k = i
        if (c == "{") { skip()
          if (substr(s, p, 1) != "\"") { bad(); return }
          k = str(); skip()
          if (!ok || substr(s, p, 1) != ":") { bad(); return }
          p++ }
        value(path "/" k); i++; skip(); t = substr(s, p, 1); p++
        if (!ok) return
        if (t == (c == "{" ? "}" : "]")) break
        if (t != ",") { bad(); return }
      }
      out[at] = path (c == "{" ? " object " : " array ") i
    } else if (c == "\"") { t = str(); out[++count] = path " string " t
    } else if (match(substr(s, p, 400), /^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?/)) {
      t = substr(s, p, RLENGTH); p += RLENGTH
      out[++count] = path " number " (t ~ /[.eE]/ ? sprintf("%.15g", t + 0) : t)
    } else if (substr(s, p, 4) == "true") { p += 4; out[++count] = path " boolean true"
    } else if (substr(s, p, 5) == "false") { p += 5; out[++count] = path " boolean false"
    } else if (substr(s, p, 4) == "null") { p += 4; out[++count] = path " null"
    } else bad()
  }
  { s = s (NR > 1 ? "\n" : "") $0 }
  END { p = 1; n = length(s); ok = 1; value("body"); skip()
    if (!ok || p <= n) exit 1
    for (i = 1; i <= count; i++) print out[i] }'
}
field() { sed -n "s|^body/$1 string ||p" "$dir/$n.lines"; }

# What is expected of the answer. Each leaves in $dir/actual what is there instead, and fails.
every() { A=$1 B=$2 LC_ALL=C awk '$0 ~ ENVIRON["A"] && $0 !~ ENVIRON["B"] { print; bad = 1 } END { exit bad }' \
  "$dir/$n.lines" >"$dir/actual"; }
never() { A=$1 LC_ALL=C awk '$0 ~ ENVIRON["A"] { print; bad = 1 } END { exit bad }' "$dir/$n.lines" >"$dir/actual"; }
some() { A=$1 LC_ALL=C awk '$0 ~ ENVIRON["A"] { found = 1 } END { if (!found) print "nothing of the kind"; exit !found }' \
  "$dir/$n.lines" >"$dir/actual"; }
each() { A=$1 B=$2 LC_ALL=C awk '{ seen[$1] = 1 } $0 ~ ENVIRON["A"] { of[$1] = 1 }
  END { for (it in of) if (!((it "/" ENVIRON["B"]) in seen)) { print it " without " ENVIRON["B"]; bad = 1 } exit bad }' \
  "$dir/$n.lines" >"$dir/actual"; }
between() { A=$1 L=$2 H=$3 LC_ALL=C awk '$0 ~ ENVIRON["A"] { v = $3
    if ($2 == "string") { v = $0; sub(/^[^ ]* string /, "", v); v = length(v) }
    if (ENVIRON["L"] != "" && v + 0 < ENVIRON["L"] + 0 || ENVIRON["H"] != "" && v + 0 > ENVIRON["H"] + 0) { print; bad = 1 } }
  END { exit bad }' "$dir/$n.lines" >"$dir/actual"; }
told() {
  printf '%s\n' "$@" >"$dir/told"
  LC_ALL=C awk 'function plain(line,   path) { path = line; sub(/ .*/, "", path)
      while (match(path, /\/[0-9]+(\/|$)/)) path = substr(path, 1, RSTART) "*" substr(path, RSTART + RLENGTH - (substr(path, RSTART + RLENGTH - 1, 1) == "/"))
      return path substr(line, index(line, " ")) }
    FNR == NR { has[plain($0)]++; next }
    has[$0]-- <= 0 { print "nothing like " $0; bad = 1 } END { exit bad }' "$dir/$n.lines" "$dir/told" >"$dir/actual"
}
paired() { # two texts of the body are the same
  [ "$(field "$1")" != "$(field "$2")" ] || return 0
  { at_path "body/$1" "$dir/$n.lines"; at_path "body/$2" "$dir/$n.lines"; } >"$dir/actual"
  return 1
}
absent() { if cat "$dir/$n.head" "$dir/$n.out" | grep -qF -e "$1"; then say "it holds $1" >"$dir/actual"; return 1; fi; }
at_path() { A=$1 awk 'index($0, ENVIRON["A"] " ") == 1 || index($0, ENVIRON["A"] "/") == 1' "$2" | sort; }
same() {
  at_path "$2" "$dir/$1.lines" >"$dir/before"
  at_path "$2" "$dir/$n.lines" >"$dir/after"
  cmp -s "$dir/before" "$dir/after" && return
  { sed 's/^/before: /' "$dir/before"; sed 's/^/now:    /' "$dir/after"; } >"$dir/actual"
  return 1
}
untold() { # not all of these lines
  told "$@" || return 0
  printf '%s\n' "$@" >"$dir/actual"
  return 1
}
differ() { if same "$1" "$2"; then cp "$dir/after" "$dir/actual"; return 1; fi; }
coded() { every '^body/code ' "^body/code number $status\$"; }
otherwise() { # otherwise STATUS LINE...: not answered as it was then, with values of these types where they were
  [ "$status" = "$1" ] || return 0
  shift
  for line in "$@"; do
    told_kinds "$line" || return 0
  done
  say "the same as then" >"$dir/actual"
  return 1
}
told_kinds() { sed -e 's|/[0-9][0-9]*\([/ ]\)|/*\1|g' -e 's|/[0-9][0-9]*\([/ ]\)|/*\1|g' "$dir/$n.lines" |
  awk '{ print $1 " " $2 }' | grep -qxF -e "$1"; }
counted() { A=$1 M=$2 LC_ALL=C awk '$0 ~ ENVIRON["A"] { print; n++ } END { exit n > ENVIRON["M"] + 0 }' "$dir/$n.lines" >"$dir/actual"; }
prefixed() {
  case $(field "$1") in "$2"?*) return ;; esac
  at_path "body/$1" "$dir/$n.lines" >"$dir/actual"
  return 1
}
new_id() {
  if grep -qxF -e "$(field "$id_field")" "$dir/ids" 2>/dev/null; then say "twice: $(field "$id_field")" >"$dir/actual"; return 1; fi
  field "$id_field" >>"$dir/ids"
}
gone() {
  case $status in 404 | 410) return ;; esac
  : >"$dir/actual"
  LC_ALL=C grep -q -e '^body/desiredPhase string Deleted$' -e '^body/deletedAt string ' -e '^body/actualPhase string Deleting$' \
    -e '^body/actualPhase string Terminating$' "$dir/$n.lines"
}
alive() { case $status in 2??) ! gone ;; *) : >"$dir/actual" && return 1 ;; esac; }
unlisted() {
  [ -n "$1" ] || return 0
  by_name "$1" >"$dir/listed"
  [ -s "$dir/listed" ] || return 0
  sort -u "$dir/listed" >>"$dir/made"
  sed 's/^/workload /' "$dir/listed" >"$dir/actual"
  return 1
}
missing() {
  [ "$status" = 404 ] && return
  once
  lines
  [ "$status" = 404 ]
}
answered() { [ "$(sed -n 's/^status //p' "$dir/$n.lines")" != 000 ] || { cp "$dir/$n.error" "$dir/actual"; return 1; }; }
at() { n=$1; }

# Moments. epoch TEXT: seconds since 1970 of an RFC 3339 text; stamp SECONDS OFFSET: the text of a moment.
epoch() {
  T=$1 LC_ALL=C awk 'BEGIN { t = toupper(ENVIRON["T"])
    if (t !~ /^[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9][T ][0-9][0-9]:[0-9][0-9]:[0-9][0-9]/) exit 1
    y = substr(t, 1, 4) + 0; m = substr(t, 6, 2) + 0; d = substr(t, 9, 2) + 0; z = substr(t, 20)
    f = 0; if (match(z, /^\.[0-9]+/)) { f = substr(z, 1, RLENGTH) + 0; z = substr(z, RLENGTH + 1) }
    if (z != "Z" && z !~ /^[-+][0-9][0-9]:[0-9][0-9]$/) exit 1
    off = z == "Z" ? 0 : (substr(z, 1, 1) "1") * (substr(z, 2, 2) * 3600 + substr(z, 5, 2) * 60)
    if (m <= 2) { y--; m += 12 }
    days = 365 * y + int(y / 4) - int(y / 100) + int(y / 400) + int((153 * (m - 3) + 2) / 5) + d - 1 - 719468
    printf "%.6f\n", days * 86400 + substr(t, 12, 2) * 3600 + substr(t, 15, 2) * 60 + substr(t, 18, 2) + f - off }'
}
stamp() { # in UTC, or ENDING in place of the Z: a fraction that is zero, an offset
  A=$1 O=$2 E=${3:-Z} LC_ALL=C awk 'BEGIN { e = ENVIRON["E"]; zone = e; sub(/^%2B/, "+", zone)
    if (zone ~ /^[-+]/) zone = (substr(zone, 1, 1) "1") * (substr(zone, 2, 2) * 3600 + substr(zone, 5, 2) * 60)
    t = ENVIRON["A"] + ENVIRON["O"] + zone; s = int(t); if (s > t) s--; f = t - s
    z = int(s / 86400); r = s - z * 86400; if (r < 0) { z--; r += 86400 } z += 719468
    era = int(z / 146097); doe = z - era * 146097
    yoe = int((doe - int(doe / 1460) + int(doe / 36524) - int(doe / 146096)) / 365)
    doy = doe - (365 * yoe + int(yoe / 4) - int(yoe / 100)); mp = int((5 * doy + 2) / 153)
    m = mp < 10 ? mp + 3 : mp - 9; y = yoe + era * 400 + (m <= 2)
    part = f > 0.0000005 ? substr(sprintf("%.6f", f), 2) : ""
    printf "%04d-%02d-%02dT%02d:%02d:%02d%s%s\n", y, m, doy - int((153 * mp + 2) / 5) + 1, int(r / 3600), int(r / 60) % 60, r % 60, part, e }'
}
apart() { # apart SECONDS TEXT OTHER: more than so many seconds lie between two moments (seconds, or RFC 3339).
  case $2 in *-*) one=$(epoch "$2") ;; *) one=$2 ;; esac
  case $3 in *-*) two=$(epoch "$3") ;; *) two=$3 ;; esac
  [ -n "$one" ] && [ -n "$two" ] && A=$one B=$two M=$1 awk 'BEGIN { d = ENVIRON["A"] - ENVIRON["B"]; exit !(d > ENVIRON["M"] + 0 || -d > ENVIRON["M"] + 0) }'
}
moments() { # of the samples, in JSON or in a table
  sed -n 's|^body/measurements/[0-9]*/values/[0-9]*/timestamp string ||p' "$dir/$n.lines"
  grep -q '^type text/csv' "$dir/$n.lines" && LC_ALL=C awk '{ while (match($0, /[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9][Tt ][0-9:.]+([Zz]|[-+][0-9][0-9]:[0-9][0-9])/)) {
    print substr($0, RSTART, RLENGTH); $0 = substr($0, RSTART + RLENGTH) } }' "$dir/$n.out"
}
within() { # within START END [SECONDS]: that much outside is let pass, 1 by default
  from=$(epoch "$1") to=$(epoch "$2")
  moments | sort -u | while read -r at; do
    A=$(epoch "$at") F=$from T=$to M=${3:-1} awk 'BEGIN { f = ENVIRON["F"]; t = ENVIRON["T"]; m = ENVIRON["M"]; if (f > t) { h = f; f = t; t = h }
      exit !(ENVIRON["A"] < f - m || ENVIRON["A"] > t + m) }' && say "$at, asked for: $1 to $2"
  done >"$dir/actual"
  [ ! -s "$dir/actual" ]
}
covered() { # covered STEP START END: samples, where the answer to the request of that number has some from START to END
  mine=$n from=$(epoch "$2") to=$(epoch "$3")
  n=$1
  moments >"$dir/times"
  n=$mine
  while read -r at; do
    A=$(epoch "$at") F=$from T=$to awk 'BEGIN { exit !(ENVIRON["A"] >= ENVIRON["F"] + 0 && ENVIRON["A"] <= ENVIRON["T"] + 0) }' && break
    at=
  done <"$dir/times"
  [ -n "${at:-}" ] || stop "the wider range has no samples from $2 to $3"
  case $status in 2??) [ -z "$(moments)" ] || return 0 ;; esac
  say "none from $2 to $3, but the wider range has one of $at" >"$dir/actual"
  return 1
}
samples() { # of the answer to the request of that number: type, seconds since 1970, value
  LC_ALL=C awk '$1 ~ /^body\/measurements\/[0-9]+\/type$/ { split($1, p, "/"); t[p[3]] = $3 }
    $1 ~ /^body\/measurements\/[0-9]+\/values\/[0-9]+\/(timestamp|value)$/ { split($1, p, "/"); k = p[3] " " p[5]
      if (p[6] == "value") v[k] = $3; else at[k] = $3 }
    END { for (k in at) { split(k, p, " "); print t[p[1]], at[k], v[k] } }' "$dir/$1.lines" |
    while read -r type at value; do say "$type $(epoch "$at") $value"; done | sort
}
alike() { # alike STEP: the same samples as in the answer to the request of that number
  samples "$1" >"$dir/before"
  samples "$n" >"$dir/after"
  [ -s "$dir/before" ] || [ -s "$dir/after" ] || stop "there are no samples in this range, however it is spelled"
  cmp -s "$dir/before" "$dir/after" && return
  { sed 's/^/spelled otherwise: /' "$dir/before"; sed 's/^/plain: /' "$dir/after"; } >"$dir/actual"
  return 1
}
distinct() { LC_ALL=C awk '$1 ~ /^body\/measurements\/[0-9]+\/values\/[0-9]+\/timestamp$/ { split($1, p, "/")
    if ((p[3] " " $3) in seen) { print; bad = 1 } seen[p[3] " " $3] = 1 } END { exit bad }' "$dir/$n.lines" >"$dir/actual"; }
sorted() { LC_ALL=C awk '$1 ~ /^body\/measurements\/[0-9]+\/values\/[0-9]+\/timestamp$/ { split($1, p, "/")
    if (p[3] in last && $3 != last[p[3]]) { way = ($3 "" > last[p[3]] "") ? "up" : "down"
      if (p[3] in ways && ways[p[3]] != way) { print; bad = 1 } ways[p[3]] = way } last[p[3]] = $3 }
  END { exit bad }' "$dir/$n.lines" >"$dir/actual"; }
apart_series() { LC_ALL=C awk '$1 ~ /^body\/measurements\/[0-9]+\/(type|labels\/)/ { split($1, p, "/"); i = p[3]; k = $0; sub(/^[^ ]*\/measurements\/[0-9]+/, "", k); s[i] = s[i] "\n" k }
  END { for (i in s) if (seen[s[i]]++) { print "twice:" s[i]; bad = 1 } exit bad }' "$dir/$n.lines" >"$dir/actual"; }
lived() { # lived STEP: nothing but zeros five minutes before its createdAt, or five minutes from now
  mine=$n
  n=$1
  since=$(epoch "$(field createdAt)")
  n=$mine
  LC_ALL=C awk '$1 ~ /^body\/measurements\/[0-9]+\/values\/[0-9]+\/(timestamp|value)$/ { k = $1; sub(/\/[a-z]*$/, "", k)
      if ($1 ~ /value$/) v[k] = $3; else t[k] = $3 }
    END { for (k in t) if (v[k] + 0 != 0) print t[k] }' "$dir/$n.lines" | sort -u | while read -r at; do
    A=$(epoch "$at") F=${since:-0} T=$(now) awk 'BEGIN { exit !(ENVIRON["A"] < ENVIRON["F"] - 300 || ENVIRON["A"] > ENVIRON["T"] + 300) }' && say "$at"
  done >"$dir/actual"
  [ ! -s "$dir/actual" ]
}
csv_values() { LC_ALL=C awk -F, '{ sub(/\r$/, "") } NR == 1 { for (i = 1; i <= NF; i++) if (tolower($i) ~ /^ *"?value"? *$/) c = i; next }
  c && NF { v = $c; gsub(/"/, "", v); print v }' "$dir/$n.out"; }
as_json() { # the same numbers as in the answer to the request of that number, but for how they are printed
  csv_values | sort -n >"$dir/csv"
  sed -n 's|^body/measurements/[0-9]*/values/[0-9]*/value string ||p' "$dir/$1.lines" | sort -n >"$dir/json"
  paste "$dir/csv" "$dir/json" | LC_ALL=C awk -F '\t' '{ d = $1 - $2; if (d < 0) d = -d; m = $1 < 0 ? -$1 : $1; o = $2 < 0 ? -$2 : $2
    if (o > m) m = o; if ($1 == "" || $2 == "" || d > 0.02 * m + 0.01) { print "CSV " $1 ", JSON " $2; bad = 1 } } END { exit bad }' >"$dir/actual"
}
table() { # a table of samples: rows of one length, values that are numbers, moments of the past hour
  LC_ALL=C awk -F, '{ sub(/\r$/, "") } !NF { next } !w { w = NF; for (i = 1; i <= NF; i++) if (tolower($i) ~ /^ *"?value"? *$/) c = i; if (/^[[{]/) { print; bad = 1 } next }
    NF != w || c && $c !~ /^ *"?[-+]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][-+]?[0-9]+)?"? *$/ { print; bad = 1 } END { exit bad }' "$dir/$n.out" >"$dir/actual"
}
recent() { if apart "$2" "$(field "$1")" "$(now)"; then at_path "body/$1" "$dir/$n.lines" >"$dir/actual"; return 1; fi; }
near() {
  mine=$n
  n=$1
  before=$(field "$2")
  n=$mine
  if [ -n "$(field "$2")" ] && ! apart 1 "$before" "$(field "$2")"; then return; fi
  say "before: $before, now: $(field "$2")" >"$dir/actual"
  return 1
}

# What is made here: a name that nobody has, a workload that is deleted at the end, its pods, its serving.
fresh() { # fresh VARIABLE BEGINNING LENGTH: so many hexadecimal digits that nobody has
  count=$((count + 1))
  tail=$(od -An -N16 -tx1 /dev/urandom 2>/dev/null | tr -d ' \n')
  case $tail in ????????????????*) ;; *) tail=$(S=$$ C=$count awk 'BEGIN { srand(); r = int(rand() * 1000000)
    srand(r + ENVIRON["S"] * 131 + ENVIRON["C"]); for (i = 0; i < 32; i++) printf "%x", int(rand() * 16) }') ;; esac
  eval "$1=\$2\$(printf %s \"\$tail\" | cut -c1-$3)"
}
create() { # create VARIABLE TARGET NAME
  say "$3" >>"$dir/names"
  creating=$3
  send POST "$2"
  keep
  creating=
  eval "$1=\$made"
}
keep() { # the id of what was made, to be deleted
  made=
  case $status in 2??) ;; *) return ;; esac
  made=$(field "$id_field")
  case $made in
    '' | *[!A-Za-z0-9_-]*) ;;
    *) say "$made" >>"$dir/made" ;;
  esac
}
capitals() { printf %s "$1" | LC_ALL=C tr '[:lower:]' '[:upper:]'; }
judged() { case $status in 400 | 409 | 422) ;; *) taken ;; esac; } # a refusal of it is what is expected
taken() { case $status in 2??) ;; *) reached && stop "$method $target, which must come first, is answered $status: $(head -c 300 "$dir/$n.out")" ;; esac; }
ask() { # ask METHOD TARGET [BODY]: a request beside those that are compared
  kept="$n $who $method $target $status"
  n=ask who=main method=$1 target=$2
  : >"$dir/$n.headers"
  rm -f "$dir/$n.body"
  if [ -n "${3:-}" ]; then
    header 'Content-Type: application/json'
    printf %s "$3" | body
  fi
  patiently 3 none
  lines
  asked=$status
  # shellcheck disable=SC2086 # five words
  set -- $kept
  n=$1 method=$3 target=$4 status=$5
  # A credential may hold a space, and is set anew by the next begin.
  who=main
}
lately() { # lately SECONDS CHECK...: look until it holds
  until_then=$(($(now) + $1))
  shift
  while ! "$@"; do
    [ "$(now)" -lt "$until_then" ] || return 1
    sleep "$pause"
  done
}
seen() { ask GET "$workloads/$1" && [ "$asked" != 404 ]; }
is_serving() {
  ask GET "$workloads/$1"
  grep -q '^body/actualPhase string Failed' "$dir/ask.lines" && stop 'the workload is Failed: it needs an image that runs there'
  grep -q '^body/actualPhase string Running' "$dir/ask.lines"
}
serving() { lately "${ASSAY_PATIENCE:-600}" is_serving "$1" || stop "the workload does not come to Running"; }
has_pod() {
  ask GET "/api/v1/workloads/$1/pods"
  pod_id=$(sed -n 's|^body/pods/0/id string ||p' "$dir/ask.lines")
  [ -n "$pod_id" ]
}
pod() { # pod VARIABLE WORKLOAD
  lately 60 has_pod "$2" || stop "no pod of the workload is listed"
  eval "$1=\$pod_id"
}

# What was made is deleted at every end: known by its id, or by its name where no answer told an id.
by_name() {
  ask GET "/api/v1/workloads?filterBy=name%3D%5E$1&limit=500"
  N=$1 LC_ALL=C awk '$1 ~ /^body\/workloads\/[0-9]+\/(id|name|deletedAt|phase)$/ { split($1, p, "/"); v[p[3] " " p[4]] = $3; k[p[3]] = 1 }
    END { for (i in k) if (index(v[i " name"], ENVIRON["N"]) == 1 && v[i " deletedAt"] == "" && v[i " phase"] !~ /^(Delet|Terminat)/) print v[i " id"] }' "$dir/ask.lines"
}
clean() {
  while read -r name; do
    case $name in "$mark"????*) by_name "$name" >>"$dir/made" ;; esac
  done <"$dir/names"
  sort -u "$dir/made" >"$dir/all"
  while read -r id; do
    lately 15 deleted "$id" || say "left behind: workload $id (the deletion is answered $asked)" >&2
  done <"$dir/all"
  while read -r name; do # whatever the deletion was answered: the list must not have it any more
    case $name in "$mark"????*) lately 10 nobody "$name" || say "left behind: workload $name" >&2 ;; esac
  done <"$dir/names"
  : >"$dir/names"
  : >"$dir/made"
}
deleted() {
  ask DELETE "$workloads/$1" </dev/null
  case $asked in 2?? | 404 | 410) ;; *) return 1 ;; esac
}
leave() {
  code=$?
  trap '' INT TERM HUP QUIT PIPE
  if [ -n "$creating" ]; then
    creating=
    lines
    keep
  fi
  [ -f "$dir/names" ] && clean
  rm -rf "$dir"
  exit "$code"
}

token_of() { # token_of ID SECRET: an access token for client credentials
  n=token who=client method=POST target=${ASSAY_TOKEN_URL:-/api/v1/token} root=$base
  : >"$dir/$n.headers"
  header 'Content-Type: application/json'
  grant=$(printf '{"grantType":"client_credentials","clientID":"%s","clientSecret":"%s"}' "$(inside "$1")" "$(inside "$2")")
  case $target in http*) base= ;; esac
  patiently 4 none
  base=$root
  lines
  given=$(field accessToken)
  [ -n "$given" ] || given=$(field access_token)
  [ -n "$given" ] || stop "no token for the client credentials: $target answers $status $(cat "$dir/$n.error")"
  rm -f "$dir/$n.out" "$dir/$n.lines" "$dir/flat"
  printf %s "$given"
}
inside() { printf %s "$1" | sed 's/[\\"]/\\&/g'; }
prepare() {
  command -v curl >/dev/null || by_replay 'curl is not installed, so assay tries it.'
  [ -n "$base" ] || stop 'set ASSAY_BASE_URL to the control plane'
  base=${base%/}
  umask 077
  dir=$(mktemp -d "${TMPDIR:-/tmp}/assay-reproduce.XXXXXX") || stop 'no temporary folder'
  creating=
  trap leave EXIT
  trap 'exit 130' INT TERM HUP QUIT PIPE
  : >"$dir/names"
  : >"$dir/made"
  n=0 count=0 status=000 pause=0.3 who=main method=GET target=
  sleep 0.01 2>/dev/null || pause=1
  if [ -z "${ASSAY_TOKEN:-}" ]; then
    [ -n "${ASSAY_CLIENT_ID:-}" ] || stop 'set ASSAY_TOKEN, or ASSAY_CLIENT_ID and ASSAY_CLIENT_SECRET'
    ASSAY_TOKEN=$(token_of "$ASSAY_CLIENT_ID" "${ASSAY_CLIENT_SECRET:-}") || exit 2
  fi
  [ "$outsider" = no ] && return
  if [ -z "${ASSAY_OUTSIDER_TOKEN:-}" ]; then
    [ -n "${ASSAY_OUTSIDER_CLIENT_ID:-}" ] || stop 'set ASSAY_OUTSIDER_TOKEN (or its client id and secret): it needs a second identity'
    ASSAY_OUTSIDER_TOKEN=$(token_of "$ASSAY_OUTSIDER_CLIENT_ID" "${ASSAY_OUTSIDER_CLIENT_SECRET:-}") || exit 2
  fi
}
usable() { # whether the answer can be judged at all
  [ "$status" = "$was" ] || reached
  [ "$status" != 401 ] || [ "$who" != main ] || ! refused || stop 'the credentials are refused (401)'
}
reached() { # an answer of the control plane, to these credentials
  case $status in
    000) stop "$method $base$target gives no answer: $(cat "$dir/$n.error")" ;;
    429 | 503) stop "the control plane is busy ($status)" ;;
    502 | 504) stop "a gateway in between answers $status in place of the control plane" ;;
  esac
}
refused() { ask GET '/api/v1/workloads?limit=1' && [ "$asked" = 401 ]; }
fair() { # A refusal says nothing where an ordinary creation is refused as well: of the project, or by its quota.
  case $who$method$status in mainPOST4?? | main*401 | main*403) ;; *) return ;; esac
  [ ! -s "$dir/made" ] || return 0
  fresh ordinary "${mark}w-" 8
  # shellcheck disable=SC2154 # fresh sets it
  say "$ordinary" >>"$dir/names"
  ask POST "$workloads" "$(printf '{"name":"%s","projectId":"%s","clusterId":"%s","spec":{"image":"registry.example/echo:1.0"}}' \
    "$ordinary" "$(inside "$project")" "$(inside "$cluster")")"
  case $shows$asked in
    *2??) ;;
    no* | yes401 | yes403) stop "it is answered $status, and an ordinary creation $asked: may these credentials create there?" ;;
  esac
}
judge() { # sends the request that shows it until $until, at most $patience seconds long
  first=$n ends=$(($(now) + patience)) wait=
  while :; do
    n=$first
    last
    usable
    if holds; then shows=no; else shows=yes; fi
    case $until in once) return ;; "$shows") return ;; esac
    [ "$(now)" -lt "$ends" ] || return
    [ -z "$wait" ] || sleep "$pause" # the second look is at once: some things show for half a second only
    wait=yes
  done
}
tell() {
  say "$finding: $summary"
  say "sent:     $method $base$target"
  say "expected: $expected"
  if [ "$shows" = no ]; then
    say "actual:   as expected ($(sed -n 1p "$dir/$n.lines"))"
  else
    say "actual:   $(sed -n 1p "$dir/$n.lines"); $(head -n 5 "$dir/actual" | cut -c1-300)"
    say "answer:   $(head -c 600 "$dir/$n.out")"
  fi
}
run() {
  prepare
  round=0 shown=0 shows=no ends_all=$(($(now) + 60))
  while [ "$round" -lt "$rounds" ]; do
    round=$((round + 1)) n=0
    for each in meeting sent born pairs; do : >"$dir/$each"; done
    steps
    judge
    fair
    case $shows$shown in
      yes0 | no0) tell >"$dir/told_all" ;; # the first time that it shows; else the last
    esac
    if [ "$shows" = yes ]; then
      shown=$((shown + 1))
      # How often it shows is worth knowing of what meets by chance alone.
      if [ "$meets" = no ] || [ "$shown" = 3 ] || [ "$(now)" -ge "$ends_all" ]; then break; fi
    fi
    clean
  done
  cat "$dir/told_all"
  often=
  [ "$meets" = no ] || often=" In $shown of $round rounds."
  if [ "$shown" = 0 ]; then
    say "It shows no longer.$often"
    exit 1
  fi
  say "It shows.$often"
  exit 0
}
run
