#!/bin/sh
# Turns this machine into the seed: files first, then services. It may run again after an interruption.
set -eu
mkdir -p /etc/containerd
(umask 077; cat >/etc/containerd/config.toml <<'KUBECEPTION_END_OF_FILE'
version = 3

[plugins.'io.containerd.cri.v1.runtime']
  # The capability to lower it may be missing.
  restrict_oom_score_adj = true
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ['/opt/cni/bin']
    conf_dir = '/etc/cni/net.d'
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
    runtime_type = 'io.containerd.runc.v2'
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
      SystemdCgroup = true

[plugins.'io.containerd.cri.v1.images']
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = 'registry.kubeception.internal:5000/kubeception/pause:0.1.0'
  [plugins.'io.containerd.cri.v1.images'.registry]
    config_path = '/etc/containerd/certs.d'
KUBECEPTION_END_OF_FILE
)
chmod 0644 /etc/containerd/config.toml

mkdir -p /etc/containerd/certs.d/registry.kubeception.internal:5000
(umask 077; cat >/etc/containerd/certs.d/registry.kubeception.internal:5000/hosts.toml <<'KUBECEPTION_END_OF_FILE'
server = "http://registry.test.kubeception.internal:5000"

[host."http://registry.test.kubeception.internal:5000"]
  capabilities = ["pull", "resolve"]
KUBECEPTION_END_OF_FILE
)
chmod 0644 /etc/containerd/certs.d/registry.kubeception.internal:5000/hosts.toml

mkdir -p /etc/containerd/certs.d/registry.test.kubeception.internal:5000
(umask 077; cat >/etc/containerd/certs.d/registry.test.kubeception.internal:5000/hosts.toml <<'KUBECEPTION_END_OF_FILE'
server = "http://registry.test.kubeception.internal:5000"

[host."http://registry.test.kubeception.internal:5000"]
  capabilities = ["pull", "resolve"]
KUBECEPTION_END_OF_FILE
)
chmod 0644 /etc/containerd/certs.d/registry.test.kubeception.internal:5000/hosts.toml

systemctl start --no-block containerd.service

mkdir -p /etc/kubernetes/secrets/ca-client
(umask 077; cat >/etc/kubernetes/secrets/ca-client/bundle.crt <<'KUBECEPTION_END_OF_FILE'
<ca-client/bundle.crt>
KUBECEPTION_END_OF_FILE
)
chmod 0600 /etc/kubernetes/secrets/ca-client/bundle.crt

mkdir -p /etc/kubernetes/secrets/kubelet-server
(umask 077; cat >/etc/kubernetes/secrets/kubelet-server/tls.crt <<'KUBECEPTION_END_OF_FILE'
<kubelet-server/tls.crt>
KUBECEPTION_END_OF_FILE
)
chmod 0600 /etc/kubernetes/secrets/kubelet-server/tls.crt

mkdir -p /etc/kubernetes/secrets/kubelet-server
(umask 077; cat >/etc/kubernetes/secrets/kubelet-server/tls.key <<'KUBECEPTION_END_OF_FILE'
<kubelet-server/tls.key>
KUBECEPTION_END_OF_FILE
)
chmod 0600 /etc/kubernetes/secrets/kubelet-server/tls.key

mkdir -p /etc/kubernetes/secrets/kubelet
(umask 077; cat >/etc/kubernetes/secrets/kubelet/kubeconfig <<'KUBECEPTION_END_OF_FILE'
<kubelet/kubeconfig>
KUBECEPTION_END_OF_FILE
)
chmod 0600 /etc/kubernetes/secrets/kubelet/kubeconfig

mkdir -p /etc/kubernetes/secrets/aggregator
(umask 077; cat >/etc/kubernetes/secrets/aggregator/tls.crt <<'KUBECEPTION_END_OF_FILE'
<kube-aggregator/tls.crt>
KUBECEPTION_END_OF_FILE
)
chmod 0600 /etc/kubernetes/secrets/aggregator/tls.crt

mkdir -p /etc/kubernetes/secrets/aggregator
(umask 077; cat >/etc/kubernetes/secrets/aggregator/tls.key <<'KUBECEPTION_END_OF_FILE'
<kube-aggregator/tls.key>
KUBECEPTION_END_OF_FILE
)
chmod 0600 /etc/kubernetes/secrets/aggregator/tls.key

mkdir -p /etc/kubernetes/secrets/authentication-configuration
(umask 077; cat >/etc/kubernetes/secrets/authentication-configuration/config.yaml <<'KUBECEPTION_END_OF_FILE'
apiVersion: apiserver.config.k8s.io/v1
kind: AuthenticationConfiguration
anonymous:
  enabled: true
  conditions:
  - path: /healthz
  - path: /livez
  - path: /readyz
KUBECEPTION_END_OF_FILE
)
chmod 0600 /etc/kubernetes/secrets/authentication-configuration/config.yaml

mkdir -p /etc/kubernetes/secrets/ca-client-authority
(umask 077; cat >/etc/kubernetes/secrets/ca-client-authority/ca.crt <<'KUBECEPTION_END_OF_FILE'
<ca-client/ca.crt>
KUBECEPTION_END_OF_FILE
)
chmod 0600 /etc/kubernetes/secrets/ca-client-authority/ca.crt

mkdir -p /etc/kubernetes/secrets/ca-client-authority
(umask 077; cat >/etc/kubernetes/secrets/ca-client-authority/ca.key <<'KUBECEPTION_END_OF_FILE'
<ca-client/ca.key>
KUBECEPTION_END_OF_FILE
)
chmod 0600 /etc/kubernetes/secrets/ca-client-authority/ca.key

mkdir -p /etc/kubernetes/secrets/ca-client
(umask 077; cat >/etc/kubernetes/secrets/ca-client/bundle.crt <<'KUBECEPTION_END_OF_FILE'
<ca-client/bundle.crt>
KUBECEPTION_END_OF_FILE
)
chmod 0600 /etc/kubernetes/secrets/ca-client/bundle.crt

mkdir -p /etc/kubernetes/secrets/ca-etcd
(umask 077; cat >/etc/kubernetes/secrets/ca-etcd/bundle.crt <<'KUBECEPTION_END_OF_FILE'
<ca-etcd/bundle.crt>
KUBECEPTION_END_OF_FILE
)
chmod 0600 /etc/kubernetes/secrets/ca-etcd/bundle.crt

mkdir -p /etc/kubernetes/secrets/ca-front-proxy
(umask 077; cat >/etc/kubernetes/secrets/ca-front-proxy/bundle.crt <<'KUBECEPTION_END_OF_FILE'
<ca-front-proxy/bundle.crt>
KUBECEPTION_END_OF_FILE
)
chmod 0600 /etc/kubernetes/secrets/ca-front-proxy/bundle.crt

mkdir -p /etc/kubernetes/secrets/ca-kubelet-authority
(umask 077; cat >/etc/kubernetes/secrets/ca-kubelet-authority/ca.crt <<'KUBECEPTION_END_OF_FILE'
<ca-kubelet/ca.crt>
KUBECEPTION_END_OF_FILE
)
chmod 0600 /etc/kubernetes/secrets/ca-kubelet-authority/ca.crt

mkdir -p /etc/kubernetes/secrets/ca-kubelet-authority
(umask 077; cat >/etc/kubernetes/secrets/ca-kubelet-authority/ca.key <<'KUBECEPTION_END_OF_FILE'
<ca-kubelet/ca.key>
KUBECEPTION_END_OF_FILE
)
chmod 0600 /etc/kubernetes/secrets/ca-kubelet-authority/ca.key

mkdir -p /etc/kubernetes/secrets/ca-kubelet
(umask 077; cat >/etc/kubernetes/secrets/ca-kubelet/bundle.crt <<'KUBECEPTION_END_OF_FILE'
<ca-kubelet/bundle.crt>
KUBECEPTION_END_OF_FILE
)
chmod 0600 /etc/kubernetes/secrets/ca-kubelet/bundle.crt

mkdir -p /etc/kubernetes/secrets/ca
(umask 077; cat >/etc/kubernetes/secrets/ca/bundle.crt <<'KUBECEPTION_END_OF_FILE'
<ca/bundle.crt>
KUBECEPTION_END_OF_FILE
)
chmod 0600 /etc/kubernetes/secrets/ca/bundle.crt

mkdir -p /etc/kubernetes/secrets/encryption-configuration
(umask 077; cat >/etc/kubernetes/secrets/encryption-configuration/encryption-configuration.yaml <<'KUBECEPTION_END_OF_FILE'
<kube-apiserver-etcd-encryption-configuration/encryption-configuration.yaml>
KUBECEPTION_END_OF_FILE
)
chmod 0600 /etc/kubernetes/secrets/encryption-configuration/encryption-configuration.yaml

mkdir -p /etc/kubernetes/secrets/etcd-client
(umask 077; cat >/etc/kubernetes/secrets/etcd-client/tls.crt <<'KUBECEPTION_END_OF_FILE'
<etcd-client/tls.crt>
KUBECEPTION_END_OF_FILE
)
chmod 0600 /etc/kubernetes/secrets/etcd-client/tls.crt

mkdir -p /etc/kubernetes/secrets/etcd-client
(umask 077; cat >/etc/kubernetes/secrets/etcd-client/tls.key <<'KUBECEPTION_END_OF_FILE'
<etcd-client/tls.key>
KUBECEPTION_END_OF_FILE
)
chmod 0600 /etc/kubernetes/secrets/etcd-client/tls.key

mkdir -p /etc/kubernetes/secrets/etcd-server
(umask 077; cat >/etc/kubernetes/secrets/etcd-server/tls.crt <<'KUBECEPTION_END_OF_FILE'
<etcd-server/tls.crt>
KUBECEPTION_END_OF_FILE
)
chmod 0600 /etc/kubernetes/secrets/etcd-server/tls.crt

mkdir -p /etc/kubernetes/secrets/etcd-server
(umask 077; cat >/etc/kubernetes/secrets/etcd-server/tls.key <<'KUBECEPTION_END_OF_FILE'
<etcd-server/tls.key>
KUBECEPTION_END_OF_FILE
)
chmod 0600 /etc/kubernetes/secrets/etcd-server/tls.key

mkdir -p /etc/kubernetes/secrets/kubeconfig-kube-controller-manager
(umask 077; cat >/etc/kubernetes/secrets/kubeconfig-kube-controller-manager/kubeconfig <<'KUBECEPTION_END_OF_FILE'
<kube-controller-manager/kubeconfig>
KUBECEPTION_END_OF_FILE
)
chmod 0600 /etc/kubernetes/secrets/kubeconfig-kube-controller-manager/kubeconfig

mkdir -p /etc/kubernetes/secrets/kubeconfig-kube-scheduler
(umask 077; cat >/etc/kubernetes/secrets/kubeconfig-kube-scheduler/kubeconfig <<'KUBECEPTION_END_OF_FILE'
<kube-scheduler/kubeconfig>
KUBECEPTION_END_OF_FILE
)
chmod 0600 /etc/kubernetes/secrets/kubeconfig-kube-scheduler/kubeconfig

mkdir -p /etc/kubernetes/secrets/kubelet-client
(umask 077; cat >/etc/kubernetes/secrets/kubelet-client/tls.crt <<'KUBECEPTION_END_OF_FILE'
<kube-apiserver-kubelet/tls.crt>
KUBECEPTION_END_OF_FILE
)
chmod 0600 /etc/kubernetes/secrets/kubelet-client/tls.crt

mkdir -p /etc/kubernetes/secrets/kubelet-client
(umask 077; cat >/etc/kubernetes/secrets/kubelet-client/tls.key <<'KUBECEPTION_END_OF_FILE'
<kube-apiserver-kubelet/tls.key>
KUBECEPTION_END_OF_FILE
)
chmod 0600 /etc/kubernetes/secrets/kubelet-client/tls.key

mkdir -p /etc/kubernetes/secrets/server
(umask 077; cat >/etc/kubernetes/secrets/server/tls.crt <<'KUBECEPTION_END_OF_FILE'
<kube-apiserver/tls.crt>
KUBECEPTION_END_OF_FILE
)
chmod 0600 /etc/kubernetes/secrets/server/tls.crt

mkdir -p /etc/kubernetes/secrets/server
(umask 077; cat >/etc/kubernetes/secrets/server/tls.key <<'KUBECEPTION_END_OF_FILE'
<kube-apiserver/tls.key>
KUBECEPTION_END_OF_FILE
)
chmod 0600 /etc/kubernetes/secrets/server/tls.key

mkdir -p /etc/kubernetes/secrets/service-account-key-bundle
(umask 077; cat >/etc/kubernetes/secrets/service-account-key-bundle/bundle.key <<'KUBECEPTION_END_OF_FILE'
<service-account-key/bundle.key>
KUBECEPTION_END_OF_FILE
)
chmod 0600 /etc/kubernetes/secrets/service-account-key-bundle/bundle.key

mkdir -p /etc/kubernetes/secrets/service-account-key
(umask 077; cat >/etc/kubernetes/secrets/service-account-key/id_rsa <<'KUBECEPTION_END_OF_FILE'
<service-account-key/id_rsa>
KUBECEPTION_END_OF_FILE
)
chmod 0600 /etc/kubernetes/secrets/service-account-key/id_rsa

mkdir -p /etc/kubernetes/manifests
(umask 077; cat >/etc/kubernetes/manifests/etcd.json <<'KUBECEPTION_END_OF_FILE'
{"apiVersion":"v1","kind":"Pod","metadata":{"labels":{"app":"etcd-statefulset","gardener.cloud/role":"controlplane","role":"main"},"name":"etcd","namespace":"kube-system"},"spec":{"automountServiceAccountToken":false,"containers":[{"command":["etcd","--name=default","--data-dir=/var/etcd/data","--listen-client-urls=https://127.0.0.1:2379","--advertise-client-urls=https://127.0.0.1:2379","--listen-peer-urls=http://127.0.0.1:2380","--initial-advertise-peer-urls=http://127.0.0.1:2380","--initial-cluster=default=http://127.0.0.1:2380","--listen-metrics-urls=http://127.0.0.1:2381","--client-cert-auth=true","--trusted-ca-file=/srv/kubernetes/etcd/ca/bundle.crt","--cert-file=/srv/kubernetes/etcd/server/tls.crt","--key-file=/srv/kubernetes/etcd/server/tls.key","--log-level=warn"],"image":"registry.kubeception.internal:5000/kubeception/kubernetes:1.35.4","imagePullPolicy":"IfNotPresent","livenessProbe":{"failureThreshold":6,"httpGet":{"host":"127.0.0.1","path":"/livez","port":2381,"scheme":"HTTP"},"periodSeconds":10,"successThreshold":1,"timeoutSeconds":15},"name":"etcd","ports":[{"containerPort":2379,"name":"https","protocol":"TCP"}],"readinessProbe":{"failureThreshold":3,"httpGet":{"host":"127.0.0.1","path":"/readyz","port":2381,"scheme":"HTTP"},"periodSeconds":2,"successThreshold":1,"timeoutSeconds":5},"resources":{"requests":{"cpu":"20m","memory":"128Mi"}},"securityContext":{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]},"readOnlyRootFilesystem":true},"startupProbe":{"failureThreshold":120,"httpGet":{"host":"127.0.0.1","path":"/readyz","port":2381,"scheme":"HTTP"},"periodSeconds":1,"timeoutSeconds":5},"volumeMounts":[{"mountPath":"/srv/kubernetes/etcd/ca","name":"ca-etcd","readOnly":true},{"mountPath":"/srv/kubernetes/etcd/server","name":"etcd-server","readOnly":true},{"mountPath":"/var/etcd/data","name":"data"}]}],"enableServiceLinks":false,"hostNetwork":true,"priorityClassName":"system-node-critical","securityContext":{"runAsGroup":0,"runAsUser":0,"seccompProfile":{"type":"RuntimeDefault"}},"volumes":[{"hostPath":{"path":"/etc/kubernetes/secrets/ca-etcd","type":"Directory"},"name":"ca-etcd"},{"hostPath":{"path":"/etc/kubernetes/secrets/etcd-server","type":"Directory"},"name":"etcd-server"},{"hostPath":{"path":"/var/lib/etcd","type":"DirectoryOrCreate"},"name":"data"}]}}
KUBECEPTION_END_OF_FILE
)
chmod 0600 /etc/kubernetes/manifests/etcd.json

mkdir -p /etc/kubernetes/manifests
(umask 077; cat >/etc/kubernetes/manifests/kube-apiserver.json <<'KUBECEPTION_END_OF_FILE'
{"apiVersion":"v1","kind":"Pod","metadata":{"annotations":{"checksum/authentication-configuration":"80584e2a1e1715f8"},"labels":{"app":"kubernetes","gardener.cloud/role":"controlplane","networking.gardener.cloud/to-dns":"allowed","networking.gardener.cloud/to-private-networks":"allowed","networking.gardener.cloud/to-public-networks":"allowed","networking.resources.gardener.cloud/to-etcd-main-client-tcp-2379":"allowed","role":"apiserver"},"name":"kube-apiserver","namespace":"kube-system"},"spec":{"automountServiceAccountToken":false,"containers":[{"command":["kube-apiserver","--advertise-address=10.1.0.10","--allow-privileged=true","--api-audiences=kubernetes,gardener","--authentication-config=/etc/kubernetes/structured/authentication/config.yaml","--authorization-mode=Node,RBAC","--bind-address=0.0.0.0","--client-ca-file=/srv/kubernetes/ca-client/bundle.crt","--enable-admission-plugins=NodeRestriction","--enable-bootstrap-token-auth=true","--encryption-provider-config=/etc/kubernetes/etcd-encryption-secret/encryption-configuration.yaml","--etcd-cafile=/srv/kubernetes/etcd/ca/bundle.crt","--etcd-certfile=/srv/kubernetes/etcd/client/tls.crt","--etcd-keyfile=/srv/kubernetes/etcd/client/tls.key","--etcd-servers=https://127.0.0.1:2379","--event-ttl=1h0m0s","--http2-max-streams-per-connection=1000","--kubelet-certificate-authority=/srv/kubernetes/ca-kubelet/bundle.crt","--kubelet-client-certificate=/srv/kubernetes/apiserver-kubelet/tls.crt","--kubelet-client-key=/srv/kubernetes/apiserver-kubelet/tls.key","--kubelet-preferred-address-types=InternalIP,Hostname,ExternalIP","--profiling=false","--proxy-client-cert-file=/srv/kubernetes/aggregator/tls.crt","--proxy-client-key-file=/srv/kubernetes/aggregator/tls.key","--requestheader-allowed-names=front-proxy-client","--requestheader-client-ca-file=/srv/kubernetes/ca-front-proxy/bundle.crt","--requestheader-extra-headers-prefix=X-Remote-Extra-","--requestheader-group-headers=X-Remote-Group","--requestheader-username-headers=X-Remote-User","--secure-port=6443","--service-account-issuer=https://seed.test.kubeception.internal","--service-account-key-file=/srv/kubernetes/service-account-key-bundle/bundle.key","--service-account-signing-key-file=/srv/kubernetes/service-account-key/id_rsa","--service-cluster-ip-range=10.3.0.0/16","--shutdown-delay-duration=1s","--shutdown-send-retry-after=true","--tls-cert-file=/srv/kubernetes/apiserver/tls.crt","--tls-private-key-file=/srv/kubernetes/apiserver/tls.key"],"image":"registry.kubeception.internal:5000/kubeception/kubernetes:1.35.4","imagePullPolicy":"IfNotPresent","livenessProbe":{"failureThreshold":6,"httpGet":{"path":"/livez","port":6443,"scheme":"HTTPS"},"periodSeconds":10,"successThreshold":1,"timeoutSeconds":15},"name":"kube-apiserver","ports":[{"containerPort":6443,"name":"https","protocol":"TCP"}],"readinessProbe":{"failureThreshold":3,"httpGet":{"path":"/readyz","port":6443,"scheme":"HTTPS"},"periodSeconds":2,"successThreshold":1,"timeoutSeconds":5},"resources":{"requests":{"cpu":"50m","memory":"320Mi"}},"securityContext":{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]},"readOnlyRootFilesystem":true},"startupProbe":{"failureThreshold":120,"httpGet":{"path":"/readyz","port":6443,"scheme":"HTTPS"},"periodSeconds":1,"timeoutSeconds":5},"volumeMounts":[{"mountPath":"/srv/kubernetes/ca-client","name":"ca-client","readOnly":true},{"mountPath":"/srv/kubernetes/etcd/ca","name":"ca-etcd","readOnly":true},{"mountPath":"/srv/kubernetes/ca-front-proxy","name":"ca-front-proxy","readOnly":true},{"mountPath":"/srv/kubernetes/apiserver","name":"server","readOnly":true},{"mountPath":"/srv/kubernetes/etcd/client","name":"etcd-client","readOnly":true},{"mountPath":"/srv/kubernetes/aggregator","name":"aggregator","readOnly":true},{"mountPath":"/srv/kubernetes/service-account-key","name":"service-account-key","readOnly":true},{"mountPath":"/srv/kubernetes/service-account-key-bundle","name":"service-account-key-bundle","readOnly":true},{"mountPath":"/etc/kubernetes/etcd-encryption-secret","name":"encryption-configuration","readOnly":true},{"mountPath":"/etc/kubernetes/structured/authentication","name":"authentication-configuration","readOnly":true},{"mountPath":"/srv/kubernetes/ca-kubelet","name":"ca-kubelet","readOnly":true},{"mountPath":"/srv/kubernetes/apiserver-kubelet","name":"kubelet-client","readOnly":true}]}],"enableServiceLinks":false,"hostNetwork":true,"priorityClassName":"system-node-critical","securityContext":{"runAsGroup":0,"runAsUser":0,"seccompProfile":{"type":"RuntimeDefault"}},"volumes":[{"hostPath":{"path":"/etc/kubernetes/secrets/ca-client","type":"Directory"},"name":"ca-client"},{"hostPath":{"path":"/etc/kubernetes/secrets/ca-etcd","type":"Directory"},"name":"ca-etcd"},{"hostPath":{"path":"/etc/kubernetes/secrets/ca-front-proxy","type":"Directory"},"name":"ca-front-proxy"},{"hostPath":{"path":"/etc/kubernetes/secrets/server","type":"Directory"},"name":"server"},{"hostPath":{"path":"/etc/kubernetes/secrets/etcd-client","type":"Directory"},"name":"etcd-client"},{"hostPath":{"path":"/etc/kubernetes/secrets/aggregator","type":"Directory"},"name":"aggregator"},{"hostPath":{"path":"/etc/kubernetes/secrets/service-account-key","type":"Directory"},"name":"service-account-key"},{"hostPath":{"path":"/etc/kubernetes/secrets/service-account-key-bundle","type":"Directory"},"name":"service-account-key-bundle"},{"hostPath":{"path":"/etc/kubernetes/secrets/encryption-configuration","type":"Directory"},"name":"encryption-configuration"},{"hostPath":{"path":"/etc/kubernetes/secrets/authentication-configuration","type":"Directory"},"name":"authentication-configuration"},{"hostPath":{"path":"/etc/kubernetes/secrets/ca-kubelet","type":"Directory"},"name":"ca-kubelet"},{"hostPath":{"path":"/etc/kubernetes/secrets/kubelet-client","type":"Directory"},"name":"kubelet-client"}]}}
KUBECEPTION_END_OF_FILE
)
chmod 0600 /etc/kubernetes/manifests/kube-apiserver.json

mkdir -p /etc/kubernetes/manifests
(umask 077; cat >/etc/kubernetes/manifests/kube-controller-manager.json <<'KUBECEPTION_END_OF_FILE'
{"apiVersion":"v1","kind":"Pod","metadata":{"labels":{"app":"kubernetes","gardener.cloud/role":"controlplane","networking.gardener.cloud/to-dns":"allowed","networking.resources.gardener.cloud/to-kube-apiserver-tcp-443":"allowed","role":"controller-manager"},"name":"kube-controller-manager","namespace":"kube-system"},"spec":{"automountServiceAccountToken":false,"containers":[{"command":["kube-controller-manager","--allocate-node-cidrs=true","--bind-address=0.0.0.0","--cluster-cidr=10.2.0.0/16","--cluster-name=seed","--cluster-signing-duration=720h","--cluster-signing-kube-apiserver-client-cert-file=/srv/kubernetes/ca-client/ca.crt","--cluster-signing-kube-apiserver-client-key-file=/srv/kubernetes/ca-client/ca.key","--cluster-signing-kubelet-client-cert-file=/srv/kubernetes/ca-client/ca.crt","--cluster-signing-kubelet-client-key-file=/srv/kubernetes/ca-client/ca.key","--cluster-signing-kubelet-serving-cert-file=/srv/kubernetes/ca-kubelet/ca.crt","--cluster-signing-kubelet-serving-key-file=/srv/kubernetes/ca-kubelet/ca.key","--cluster-signing-legacy-unknown-cert-file=/srv/kubernetes/ca-client/ca.crt","--cluster-signing-legacy-unknown-key-file=/srv/kubernetes/ca-client/ca.key","--controllers=*,bootstrap-signer-controller,token-cleaner-controller","--kube-api-burst=130","--kube-api-qps=100","--kubeconfig=/var/run/secrets/gardener.cloud/shoot/generic-kubeconfig/kubeconfig","--leader-elect=false","--profiling=false","--root-ca-file=/srv/kubernetes/ca/bundle.crt","--secure-port=10257","--service-account-private-key-file=/srv/kubernetes/service-account-key/id_rsa","--service-cluster-ip-range=10.3.0.0/16","--use-service-account-credentials=true"],"image":"registry.kubeception.internal:5000/kubeception/kubernetes:1.35.4","imagePullPolicy":"IfNotPresent","livenessProbe":{"failureThreshold":6,"httpGet":{"path":"/healthz","port":10257,"scheme":"HTTPS"},"periodSeconds":10,"successThreshold":1,"timeoutSeconds":15},"name":"kube-controller-manager","ports":[{"containerPort":10257,"name":"https","protocol":"TCP"}],"readinessProbe":{"failureThreshold":3,"httpGet":{"path":"/healthz","port":10257,"scheme":"HTTPS"},"periodSeconds":2,"successThreshold":1,"timeoutSeconds":5},"resources":{"requests":{"cpu":"10m","memory":"96Mi"}},"securityContext":{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]},"readOnlyRootFilesystem":true},"startupProbe":{"failureThreshold":120,"httpGet":{"path":"/healthz","port":10257,"scheme":"HTTPS"},"periodSeconds":1,"timeoutSeconds":5},"volumeMounts":[{"mountPath":"/var/run/secrets/gardener.cloud/shoot/generic-kubeconfig","name":"kubeconfig-kube-controller-manager","readOnly":true},{"mountPath":"/srv/kubernetes/ca","name":"ca","readOnly":true},{"mountPath":"/srv/kubernetes/ca-client","name":"ca-client-authority","readOnly":true},{"mountPath":"/srv/kubernetes/service-account-key","name":"service-account-key","readOnly":true},{"mountPath":"/srv/kubernetes/ca-kubelet","name":"ca-kubelet-authority","readOnly":true}]}],"enableServiceLinks":false,"hostNetwork":true,"priorityClassName":"system-node-critical","securityContext":{"runAsGroup":0,"runAsUser":0,"seccompProfile":{"type":"RuntimeDefault"}},"volumes":[{"hostPath":{"path":"/etc/kubernetes/secrets/kubeconfig-kube-controller-manager","type":"Directory"},"name":"kubeconfig-kube-controller-manager"},{"hostPath":{"path":"/etc/kubernetes/secrets/ca","type":"Directory"},"name":"ca"},{"hostPath":{"path":"/etc/kubernetes/secrets/ca-client-authority","type":"Directory"},"name":"ca-client-authority"},{"hostPath":{"path":"/etc/kubernetes/secrets/service-account-key","type":"Directory"},"name":"service-account-key"},{"hostPath":{"path":"/etc/kubernetes/secrets/ca-kubelet-authority","type":"Directory"},"name":"ca-kubelet-authority"}]}}
KUBECEPTION_END_OF_FILE
)
chmod 0600 /etc/kubernetes/manifests/kube-controller-manager.json

mkdir -p /etc/kubernetes/manifests
(umask 077; cat >/etc/kubernetes/manifests/kube-scheduler.json <<'KUBECEPTION_END_OF_FILE'
{"apiVersion":"v1","kind":"Pod","metadata":{"labels":{"app":"kubernetes","gardener.cloud/role":"controlplane","networking.gardener.cloud/to-dns":"allowed","networking.resources.gardener.cloud/to-kube-apiserver-tcp-443":"allowed","role":"scheduler"},"name":"kube-scheduler","namespace":"kube-system"},"spec":{"automountServiceAccountToken":false,"containers":[{"command":["kube-scheduler","--bind-address=0.0.0.0","--kube-api-burst=130","--kube-api-qps=100","--kubeconfig=/var/run/secrets/gardener.cloud/shoot/generic-kubeconfig/kubeconfig","--leader-elect=false","--profiling=false","--secure-port=10259"],"image":"registry.kubeception.internal:5000/kubeception/kubernetes:1.35.4","imagePullPolicy":"IfNotPresent","livenessProbe":{"failureThreshold":6,"httpGet":{"path":"/livez","port":10259,"scheme":"HTTPS"},"periodSeconds":10,"successThreshold":1,"timeoutSeconds":15},"name":"kube-scheduler","ports":[{"containerPort":10259,"name":"https","protocol":"TCP"}],"readinessProbe":{"failureThreshold":3,"httpGet":{"path":"/readyz","port":10259,"scheme":"HTTPS"},"periodSeconds":2,"successThreshold":1,"timeoutSeconds":5},"resources":{"requests":{"cpu":"10m","memory":"64Mi"}},"securityContext":{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]},"readOnlyRootFilesystem":true},"startupProbe":{"failureThreshold":120,"httpGet":{"path":"/readyz","port":10259,"scheme":"HTTPS"},"periodSeconds":1,"timeoutSeconds":5},"volumeMounts":[{"mountPath":"/var/run/secrets/gardener.cloud/shoot/generic-kubeconfig","name":"kubeconfig-kube-scheduler","readOnly":true}]}],"enableServiceLinks":false,"hostNetwork":true,"priorityClassName":"system-node-critical","securityContext":{"runAsGroup":0,"runAsUser":0,"seccompProfile":{"type":"RuntimeDefault"}},"volumes":[{"hostPath":{"path":"/etc/kubernetes/secrets/kubeconfig-kube-scheduler","type":"Directory"},"name":"kubeconfig-kube-scheduler"}]}}
KUBECEPTION_END_OF_FILE
)
chmod 0600 /etc/kubernetes/manifests/kube-scheduler.json

mkdir -p /etc/cni/net.d
(umask 077; cat >/etc/cni/net.d/10-pods.conflist <<'KUBECEPTION_END_OF_FILE'
{"cniVersion":"1.0.0","name":"pods","plugins":[{"bridge":"pods","hairpinMode":true,"ipam":{"ranges":[[{"subnet":"10.2.0.0/16"}]],"routes":[{"dst":"0.0.0.0/0"}],"type":"host-local"},"isGateway":true,"type":"bridge"},{"capabilities":{"portMappings":true},"type":"portmap"}]}
KUBECEPTION_END_OF_FILE
)
chmod 0644 /etc/cni/net.d/10-pods.conflist

mkdir -p /etc/kubernetes
(umask 077; cat >/etc/kubernetes/masquerade.nft <<'KUBECEPTION_END_OF_FILE'
table ip pods
delete table ip pods
table ip pods {
    chain postrouting {
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr 10.2.0.0/16 ip daddr != 10.2.0.0/16 ip daddr != 224.0.0.0/4 masquerade
    }
}
KUBECEPTION_END_OF_FILE
)
chmod 0644 /etc/kubernetes/masquerade.nft

mkdir -p /etc/kubernetes
(umask 077; cat >/etc/kubernetes/kubelet.json <<'KUBECEPTION_END_OF_FILE'
{"apiVersion":"kubelet.config.k8s.io/v1beta1","authentication":{"anonymous":{"enabled":false},"webhook":{"enabled":true},"x509":{"clientCAFile":"/etc/kubernetes/secrets/ca-client/bundle.crt"}},"authorization":{"mode":"Webhook"},"cgroupDriver":"systemd","clusterDNS":["10.3.0.10"],"clusterDomain":"cluster.local","containerRuntimeEndpoint":"unix:///run/containerd/containerd.sock","eventRecordQPS":0,"evictionHard":{"imagefs.available":"0%","memory.available":"50Mi","nodefs.available":"0%","nodefs.inodesFree":"0%"},"failCgroupV1":false,"failSwapOn":false,"imageGCHighThresholdPercent":100,"kind":"KubeletConfiguration","kubeAPIBurst":200,"kubeAPIQPS":100,"makeIPTablesUtilChains":false,"maxPods":400,"oomScoreAdj":0,"registryPullQPS":0,"resolvConf":"/etc/resolv.conf","serializeImagePulls":false,"staticPodPath":"/etc/kubernetes/manifests","tlsCertFile":"/etc/kubernetes/secrets/kubelet-server/tls.crt","tlsPrivateKeyFile":"/etc/kubernetes/secrets/kubelet-server/tls.key"}
KUBECEPTION_END_OF_FILE
)
chmod 0644 /etc/kubernetes/kubelet.json

mkdir -p /etc/systemd/system
(umask 077; cat >/etc/systemd/system/pod-masquerade.service <<'KUBECEPTION_END_OF_FILE'
[Unit]
Description=Addresses of pods that leave the machine
Before=kubelet.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft -f /etc/kubernetes/masquerade.nft

[Install]
WantedBy=multi-user.target
KUBECEPTION_END_OF_FILE
)
chmod 0644 /etc/systemd/system/pod-masquerade.service

mkdir -p /etc/systemd/system
(umask 077; cat >/etc/systemd/system/kubelet.service <<'KUBECEPTION_END_OF_FILE'
[Unit]
Description=kubelet
After=containerd.service pod-masquerade.service
Wants=containerd.service pod-masquerade.service

[Service]
ExecStart=/usr/local/bin/kubelet \
    --config=/etc/kubernetes/kubelet.json \
    --kubeconfig=/etc/kubernetes/secrets/kubelet/kubeconfig \
    --hostname-override=seed \
    --node-ip=10.1.0.10
Restart=always
RestartSec=1
KillMode=process
LimitNOFILE=infinity
TasksMax=infinity

[Install]
WantedBy=multi-user.target
KUBECEPTION_END_OF_FILE
)
chmod 0644 /etc/systemd/system/kubelet.service

# Links in place of `systemctl enable`, which would read all units anew for each.
mkdir -p /etc/systemd/system/multi-user.target.wants
ln -sf ../containerd.service /etc/systemd/system/multi-user.target.wants/containerd.service
ln -sf ../kubelet.service /etc/systemd/system/multi-user.target.wants/kubelet.service
ln -sf ../pod-masquerade.service /etc/systemd/system/multi-user.target.wants/pod-masquerade.service
systemctl daemon-reload
systemctl start pod-masquerade.service

# Images are pushed while machines boot: they may come a little later than this.
export CONTAINERD_NAMESPACE=k8s.io
deadline=$(($(date +%s) + 300))
pull() {
    log=$(mktemp)
    until ctr images pull --local --print-chainid --hosts-dir /etc/containerd/certs.d "$1" 2>"$log"; do
        if [ "$(date +%s)" -ge "$deadline" ]; then
            cat "$log" >&2
            return 1
        fi
        sleep 0.1
    done
    rm "$log"
}
pulled=$(pull registry.kubeception.internal:5000/kubeception/kubernetes:1.35.4)
pull registry.kubeception.internal:5000/kubeception/pause:0.1.0 >/dev/null &

# kubelet and kubectl are taken out of the image that the pods run.
snapshot=kubernetes-programs
layers=$(printf '%s\n' "$pulled" | sed -n 's/^image chain ID: //p')
root=$(mktemp -d)
ctr snapshots rm "$snapshot" 2>/dev/null || true
eval "$(ctr snapshots view --target "$root" "$snapshot" "$layers" 2>/dev/null)"
cp "$root/usr/local/bin/hyperkube" /usr/local/bin/hyperkube.partial
umount "$root"
# containerd may have collected it already: nothing refers to it.
ctr snapshots rm "$snapshot" 2>/dev/null || true
mv /usr/local/bin/hyperkube.partial /usr/local/bin/hyperkube
ln -sf hyperkube /usr/local/bin/kubelet
ln -sf hyperkube /usr/local/bin/kubectl
systemctl start --no-block kubelet.service
wait
