//go:build purego || (!amd64 && !arm64)

package nn

func kernelNames() []string { return []string{"plain"} }

func useKernels(string) (restore func()) { return func() {} }
