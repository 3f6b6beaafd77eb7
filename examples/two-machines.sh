#!/bin/sh
# two-machines.sh - give the machines of two-machines.yml their addresses and names (linux; on the Hurd:
# settrans -fga /servers/socket/2 /hurd/pfinet -i /dev/eth0 -a ADDRESS -m 255.255.255.0).
#
# Run it in the folder in which they were started; COMPOSE is the command (default: docker compose).
set -eu
here=$(dirname "$0")
in_guest() {
    service=$1
    shift
    ${COMPOSE:-docker compose} -f "$here/two-machines.yml" --project-directory . exec -T "$service" vm "$@"
}
number=0
for service in one two; do
    number=$((number + 1))
    in_guest "$service" wait --timeout 300
    in_guest "$service" exec "ip addr add 192.168.77.$number/24 dev eth0 && ip link set eth0 up"
    in_guest "$service" exec "printf '192.168.77.1 one\\n192.168.77.2 two\\n' >>/etc/hosts && hostname $service"
done
