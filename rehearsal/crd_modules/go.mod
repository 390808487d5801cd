// The CRDs that the rehearsal's API server has: one module per project, and behind it the files of its zip that are taken.
// To add a project: add its line, then `go mod download MODULE@VERSION` in this folder, which adds its checksum to go.sum.
module homelab-immich/rehearsal/crds

go 1.26.0

require (
	github.com/cert-manager/cert-manager v1.21.2 // deploy/crds/*.yaml
	github.com/cloudnative-pg/cloudnative-pg v1.30.0 // config/crd/bases/*.yaml
	sigs.k8s.io/gateway-api v1.6.3 // config/crd/standard/gateway.networking.k8s.io_*.yaml
)
