// The CRDs that the rehearsal's API server has: one module per project, behind it the files of its zip and the kinds that are taken from them, no more than
// homelab.immich renders or looks at: each one costs every start of a rehearsal.
// To add a project: add its line, then `go mod download MODULE@VERSION` in this folder, which adds its checksum to go.sum. Of a project that no Go
// module proxy serves, the CRD itself is kept here as JSON, without its descriptions (dragonfly-operator v1.6.1, Apache-2.0).
module homelab-immich/rehearsal/crds

go 1.26.0

require (
	github.com/1Password/onepassword-operator v1.12.0 // config/crd/bases/*.yaml: OnePasswordItem
	github.com/backube/volsync v0.16.0 // config/crd/bases/*.yaml: ReplicationSource ReplicationDestination
	github.com/bitnami-labs/sealed-secrets v0.36.6 // helm/sealed-secrets/crds/*.yaml: SealedSecret
	github.com/cert-manager/cert-manager v1.21.2 // deploy/crds/*.yaml: Certificate ClusterIssuer Issuer
	github.com/cilium/cilium v1.18.2 // pkg/k8s/apis/cilium.io/client/crds/v2/*.yaml: CiliumNetworkPolicy
	github.com/cloudnative-pg/cloudnative-pg v1.30.0 // config/crd/bases/*.yaml: Backup Cluster ClusterImageCatalog Database ImageCatalog ScheduledBackup
	github.com/cloudnative-pg/plugin-barman-cloud v0.14.0 // config/crd/bases/*.yaml: ObjectStore
	github.com/external-secrets/external-secrets v1.3.2 // config/crds/bases/*.yaml: ClusterSecretStore ExternalSecret SecretStore
	github.com/kubernetes-csi/external-snapshotter/client/v8 v8.6.0 // config/crd/*.yaml: VolumeSnapshot VolumeSnapshotClass
	github.com/prometheus-operator/prometheus-operator v0.93.0 // example/prometheus-operator-crd/*.yaml: PodMonitor PrometheusRule ServiceMonitor
	github.com/traefik/traefik/v3 v3.7.9 // docs/content/reference/dynamic-configuration/kubernetes-crd-definition-v1.yml: IngressRoute Middleware ServersTransport
	sigs.k8s.io/gateway-api v1.6.3 // config/crd/standard/*.yaml: Gateway GatewayClass HTTPRoute ReferenceGrant
)
