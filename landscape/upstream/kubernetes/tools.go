//go:build tools

// What the module is asked to build beside its own main package: named here, so that `go mod tidy` keeps the sums of what that needs.
package main

import _ "k8s.io/kubernetes/test/images/agnhost"
