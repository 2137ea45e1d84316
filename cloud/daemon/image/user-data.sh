#!/bin/sh
# Fetches this machine's user data from the cloud and runs it. It counts as run when it succeeds.
set -eu
script=/run/kubeception/user-data
mkdir -p /run/kubeception
# The cloud may be away: its metadata server is asked again for a quarter of an hour.
status=$(curl --silent --show-error --retry 900 --retry-delay 1 --retry-all-errors --retry-max-time 900 --max-time 30 \
    --output "$script" --write-out '%{http_code}' http://169.254.169.254/user-data)
case "$status" in
200)
    chmod 0700 "$script"
    "$script" || {
        status=$?
        echo "the user data failed with status $status; the next boot runs it again"
        exit "$status"
    }
    ;;
404) echo "no user data" ;;
*)
    echo "the cloud answered $status when asked for user data" >&2
    exit 1
    ;;
esac
touch /var/lib/kubeception/user-data.done
sync /var/lib/kubeception/user-data.done
