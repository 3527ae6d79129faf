#!/bin/sh
# Ends a server when nobody uses it any more. Users hold a shared lock on FOLDER/users, which the system takes back
# when they die, however they die. So nothing is left over, not even after a kill -9 of the test.
#   supervise.sh FOLDER LINGER PG_CTL [PROGRAM THAT CHANGES THE USER…]
folder=$1 linger=$2 pg_ctl=$3
shift 3
cd / || exit 1
exec 9<>"$folder/users"
{
  while :; do
    flock -x 9
    [ "$linger" = 0 ] && break
    # Between two tests there may be nobody for a moment.
    flock -u 9
    sleep "$linger"
    flock -n -x 9 && break
  done
  if [ -f "$folder/bouncer/pid" ]; then
    kill -INT "$(cat "$folder/bouncer/pid")"
  fi
  "$@" "$pg_ctl" --pgdata "$folder/data" --mode immediate --wait stop
  rm -rf "$folder"
} &
