#!/bin/bash
# run-radosgw.sh DIR MON_PORT S3_PORT: a Ceph monitor, one OSD in memory and a radosgw, on loopback, in the empty
# folder DIR. RADOSGW_ACCESS_KEY and RADOSGW_SECRET_KEY become the keys of its only user. Prints `ready URL`, then runs
# until it is killed or its standard input ends, and removes DIR.
set -euo pipefail
D=$(cd "$1" && pwd) MON=$2 S3=$3
cd "$D" && mkdir mon osd run rgw
uuid() { cat /proc/sys/kernel/random/uuid; }
FSID=$(uuid) OSD=$(uuid)

# cephx stays on: with `none` radosgw loops on error -13. The two paxos settings start it in 2 s instead of 14: making
# radosgw's pools is a row of monitor commits, and each would wait for a second by default.
cat > ceph.conf <<CONF
[global]
fsid = $FSID
mon host = v2:127.0.0.1:$MON
public addr = 127.0.0.1
public network = 127.0.0.0/8
cluster network = 127.0.0.0/8
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
paxos propose interval = 0.05
paxos min wait = 0.01
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
mon data avail crit = 1
osd class load list = *
osd class default list = *
osd objectstore = memstore
memstore device bytes = 2147483648
osd memory target = 939524096
run dir = $D/run
admin socket = $D/run/\$name.asok
keyring = $D/keyring
mon data = $D/mon
osd data = $D/osd
rgw data = $D/rgw
rgw dns name = localhost
log file =
mon cluster log file =
pid file =
CONF
export CEPH_CONF=$D/ceph.conf

add_key() { ceph-authtool keyring --gen-key "$@" > auth.log; }
ceph-authtool --create-keyring keyring --gen-key -n mon. --cap mon 'allow *' > auth.log
add_key -n client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *'
add_key -n client.rgw.a --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *'
add_key -n osd.0 --cap mon 'allow profile osd' --cap osd 'allow *'
monmaptool --create --addv a "[v2:127.0.0.1:$MON]" --fsid "$FSID" monmap > monmap.log
ceph-mon --mkfs -i a --monmap monmap --keyring keyring 2> mon.mkfs.log

# The store is in memory: there is nothing to lose by SIGKILL.
DAEMONS=()
stop() {
  kill -9 "${DAEMONS[@]}" 2> /dev/null
  wait "${DAEMONS[@]}" 2> /dev/null
  rm -rf "${D:?}"
}
trap 'set +e; stop' EXIT
trap 'exit 0' INT TERM
# If this script itself is killed by SIGKILL, the kernel ends the daemons with it.
daemon() {
  local log=$1
  shift
  setpriv --pdeathsig KILL "$@" > "$log" 2>&1 < /dev/null &
  DAEMONS+=($!)
}
until_ok() {
  for _ in $(seq 300); do
    "$@" && return
    kill -0 "${DAEMONS[-1]}" 2> /dev/null || break
    sleep 0.1
  done
  echo "gave up on: $*" >&2
  tail -n 3 -- *.log >&2
  exit 1
}
osd_is_up() { timeout 5 ceph osd stat 2> /dev/null | grep -q '1 up'; }
monitor_answers() { timeout 5 ceph -s > /dev/null 2>&1; }
gateway_listens() { (exec 3<> "/dev/tcp/127.0.0.1/$S3") 2> /dev/null; }

daemon mon.log ceph-mon -f -i a
until_ok monitor_answers
ceph osd new "$OSD" > osd.new.log 2>&1
ceph-osd -i 0 --mkfs --osd-uuid "$OSD" > osd.mkfs.log 2>&1
daemon osd.log ceph-osd -f -i 0
until_ok osd_is_up
# Without tcp_nodelay every answer with a body waits 40 ms for the ACK of its head (measured: a read took 57 ms, a HEAD 15).
daemon rgw.log radosgw -f -n client.rgw.a --rgw-frontends "beast endpoint=127.0.0.1:$S3 tcp_nodelay=1"
until_ok gateway_listens
radosgw-admin user create --uid=touchstone --display-name=touchstone \
  --access-key="$RADOSGW_ACCESS_KEY" --secret="$RADOSGW_SECRET_KEY" > user.json 2> user.log
echo "ready http://127.0.0.1:$S3"

# Whatever ends first: a daemon, or the standard input.
cat <&0 > /dev/null &
wait -n
