#!/bin/sh
# Turns this machine into a node: files first, then units. It may run again after an interruption.
set -eu

# put <mode> <path>: writes standard input.
put() {
    mkdir -p "${2%/*}/"
    (umask 077; cat >"$2.partial")
    chmod "$1" "$2.partial"
    mv -f "$2.partial" "$2"
}

printf '%s' '<<BOOTSTRAP_TOKEN>>' | put 0600 /var/lib/gardener-node-agent/credentials/bootstrap-token

printf '%s' '<<MACHINE_NAME>>' | put 0644 /var/lib/gardener-node-agent/machine-name

put 0644 /etc/quotes <<'END_OF_FILE_1'
it's END_OF_FILE:
END_OF_FILE
$(date) `date` \n
END_OF_FILE_1

printf '%s' 'one '\''two'\'' three' | put 0644 '/etc/with space'

base64 -d <<'END_OF_FILE' | put 0755 /opt/bin/binary
AJ+Slv8An5KW/wCfkpb/AJ+Slv8An5KW/wCfkpb/AJ+Slv8An5KW/wCfkpb/AJ+Slv8An5KW/wCf
kpb/AJ+Slv8An5KW/wCfkpb/AJ+Slv8An5KW/wCfkpb/AJ+Slv8An5KW/w==
END_OF_FILE

if [ "$(uname -n)" = other ]; then
put 0644 /etc/only-other <<'END_OF_FILE'
x
END_OF_FILE
fi

put 0644 /etc/systemd/system/gardener-node-agent.service <<'END_OF_FILE'
[Service]
ExecStart=/opt/bin/kubeception
END_OF_FILE

put 0644 /etc/systemd/system/containerd.service.d/10-local.conf <<'END_OF_FILE'
[Service]
Restart=always
END_OF_FILE

systemctl daemon-reload
systemctl enable --no-reload gardener-node-agent.service containerd.service
systemctl disable --no-reload update.timer
systemctl start --no-block gardener-node-agent.service
systemctl restart --no-block containerd.service
systemctl stop --no-block update.timer
