#!/usr/bin/env bash
# Keep servers.txt up to date with the SkyPilot clusters server-0 to server-(N-1):  skypilot.sh 8
# Servers on spot instances are launched again after a preemption.
set -euo pipefail

count=$1
while true; do
    : > servers.new
    for number in $(seq 0 $((count - 1))); do
        if endpoint=$(sky status --endpoint 8000 "server-$number" 2> /dev/null); then
            echo "http://${endpoint#http://}/v1" >> servers.new
        else
            sky launch --down --yes --detach-run -c "server-$number" --env FLEET_KEY skypilot.yaml &
        fi
    done
    mv servers.new servers.txt
    wait
    sleep 30
done
