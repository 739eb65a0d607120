//go:build linux && amd64

// Products compares matrix products with OpenBLAS, in float64, side by side in one
// process:
//
//	apt-get install libopenblas0-pthread
//	go run ./products -threads 1
//
// Each shape is timed in rounds, each side once in a round, in turns; a time is that of
// some milliseconds of calls, or of 40 with several threads. The table has GFLOP/s, best and median of the
// rounds, and the median over the rounds of the ratio of the two. OpenBLAS is called
// from C, without what a call from Go or Python would add.
package main

/*
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <immintrin.h>
#include <stdlib.h>
#include <time.h>

typedef void gemm_func(int, int, int, int, int, int, double, const double *, int, const double *, int, double, double *, int);
static gemm_func *gemm;
static void (*set_threads)(int);
static char *(*config)(void);

static const char *load(const char *name) {
	void *lib = dlopen(name, RTLD_NOW);
	if (!lib) return dlerror();
	gemm = (gemm_func *)dlsym(lib, "cblas_dgemm");
	set_threads = (void (*)(int))dlsym(lib, "openblas_set_num_threads");
	config = (char *(*)(void))dlsym(lib, "openblas_get_config");
	return gemm && set_threads && config ? NULL : "it has not the functions of OpenBLAS";
}

static void threads(int n) { set_threads(n); }
static const char *conf(void) { return config(); }

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + 1e-9*t.tv_nsec;
}

// run returns the seconds that reps products take.
static double run(int ta, int tb, int m, int n, int k, const double *a, int lda, const double *b, int ldb, double *c, int reps) {
	double t = now();
	for (int i = 0; i < reps; i++) // 101: by rows; 111, 112: as it is, transposed
		gemm(101, ta ? 112 : 111, tb ? 112 : 111, m, n, k, 1, a, lda, b, ldb, 0, c, n);
	return now() - t;
}

// peak returns GFLOP/s of fused multiply-adds between registers.
__attribute__((target("avx512f"))) static double peak512(void) {
	__m512d s[16], x = _mm512_set1_pd(0.5);
	#pragma GCC unroll 16
	for (int i = 0; i < 16; i++) s[i] = _mm512_set1_pd(i);
	int n = 2000000;
	double t = now();
	for (int i = 0; i < n; i++) {
		#pragma GCC unroll 16
		for (int j = 0; j < 16; j++) { s[j] = _mm512_fmadd_pd(s[j], x, x); __asm__ volatile("" : "+v"(s[j])); }
	}
	t = now() - t;
	return 16.0*n*16/t/1e9;
}
__attribute__((target("avx2,fma"))) static double peak256(void) {
	__m256d s[12], x = _mm256_set1_pd(0.5);
	#pragma GCC unroll 12
	for (int i = 0; i < 12; i++) s[i] = _mm256_set1_pd(i);
	int n = 2000000;
	double t = now();
	for (int i = 0; i < n; i++) {
		#pragma GCC unroll 12
		for (int j = 0; j < 12; j++) { s[j] = _mm256_fmadd_pd(s[j], x, x); __asm__ volatile("" : "+x"(s[j])); }
	}
	t = now() - t;
	return 12.0*n*8/t/1e9;
}
static int has512(void) { return __builtin_cpu_supports("avx512f"); }
static int has256(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
*/
import "C"

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"time"

	"github.com/seed55f1b796/nn"
)

type shape struct {
	what    string
	m, n, k int
	ta, tb  bool
}

var shapes = []shape{
	{"64³", 64, 64, 64, false, false},
	{"128³", 128, 128, 128, false, false},
	{"256³", 256, 256, 256, false, false},
	{"512³", 512, 512, 512, false, false},
	{"1024³", 1024, 1024, 1024, false, false},
	{"2048³", 2048, 2048, 2048, false, false},
	{"64×256·256×256", 64, 256, 256, false, false},
	{"x·W 32×784·784×128", 32, 128, 784, false, false},
	{"x·W 128×784·784×128", 128, 128, 784, false, false},
	{"x·W 128×784·784×256", 128, 256, 784, false, false},
	{"x·W 1×784·784×128", 1, 128, 784, false, false},
	{"x·W 32×128·128×10", 32, 10, 128, false, false},
	{"xᵀ·dy 784×32·32×128", 784, 128, 32, true, false},
	{"xᵀ·dy 784×128·128×256", 784, 256, 128, true, false},
	{"xᵀ·dy 128×32·32×10", 128, 10, 32, true, false},
	{"dy·Wᵀ 32×128·128×784", 32, 784, 128, false, true},
	{"dy·Wᵀ 128×256·256×784", 128, 784, 256, false, true},
	{"dy·Wᵀ 32×10·10×128", 32, 128, 10, false, true},
	{"XOR 4×2·2×8", 4, 8, 2, false, false},
	{"XOR 4×8·8×1", 4, 1, 8, false, false},
}

func main() {
	threads := flag.Int("threads", 1, "`processors` for each side")
	rounds := flag.Int("rounds", 25, "times to measure each shape")
	only := flag.String("only", "", "measure only shapes that match the `expression`")
	lib := flag.String("lib", "libopenblas.so.0", "OpenBLAS")
	flag.Parse()
	if s := C.load(C.CString(*lib)); s != nil {
		fmt.Fprintf(os.Stderr, "products: %s\n", C.GoString(s))
		os.Exit(1)
	}
	match := regexp.MustCompile(*only)
	runtime.GOMAXPROCS(*threads)
	C.threads(C.int(*threads))
	fmt.Println(C.GoString(C.conf()))
	if C.has512() != 0 {
		fmt.Printf("peak of one core, AVX-512: %.0f GFLOP/s\n", max(C.peak512(), C.peak512(), C.peak512()))
	}
	if C.has256() != 0 {
		fmt.Printf("peak of one core, AVX2: %.0f GFLOP/s\n", max(C.peak256(), C.peak256(), C.peak256()))
	}
	fmt.Printf("%d threads\n%-24s %16s %16s %8s\n", *threads, "", "nn best|median", "OpenBLAS", "ratio")
	for _, s := range shapes {
		if match.MatchString(s.what) {
			s.compare(*threads, *rounds)
		}
	}
}

func (s shape) compare(threads, rounds int) {
	x, y := nn.NewMatrix(s.m, s.k), nn.NewMatrix(s.k, s.n)
	mul := (*nn.Matrix).Mul
	if s.ta {
		x, mul = nn.NewMatrix(s.k, s.m), (*nn.Matrix).TMul
	}
	if s.tb {
		y, mul = nn.NewMatrix(s.n, s.k), (*nn.Matrix).MulT
	}
	z := nn.NewMatrix(s.m, s.n)
	for i := range x.Data {
		x.Data[i] = float64(i%17)/16 - 0.5
	}
	for i := range y.Data {
		y.Data[i] = float64(i%19)/16 - 0.5
	}
	ours := func(reps int) float64 {
		t := time.Now()
		for range reps {
			mul(z, x, y)
		}
		return time.Since(t).Seconds()
	}
	var ta, tb C.int
	if s.ta {
		ta = 1
	}
	if s.tb {
		tb = 1
	}
	theirs := func(reps int) float64 {
		return float64(C.run(ta, tb, C.int(s.m), C.int(s.n), C.int(s.k), (*C.double)(&x.Data[0]), C.int(x.Cols), (*C.double)(&y.Data[0]), C.int(y.Cols), (*C.double)(&z.Data[0]), C.int(reps)))
	}
	flops := 2 * float64(s.m) * float64(s.n) * float64(s.k)
	slice := 3e-3
	if threads > 1 {
		slice = 40e-3 // the system takes some milliseconds to give threads that woke a processor each
	}
	reps := 1 + int(slice/(min(ours(3), theirs(3))/3))
	var a, b, ratio []float64
	for range rounds {
		ours(reps) // wakes the processors
		p := flops * float64(reps) / ours(reps) / 1e9
		theirs(reps)
		q := flops * float64(reps) / theirs(reps) / 1e9
		if threads > 1 {
			time.Sleep(100 * time.Millisecond) // the threads of OpenBLAS go on polling
		}
		a, b, ratio = append(a, p), append(b, q), append(ratio, p/q)
	}
	slices.Sort(a)
	slices.Sort(b)
	slices.Sort(ratio)
	h := rounds / 2
	fmt.Printf("%-24s %8.1f %7.1f %8.1f %7.1f %8.2f\n", s.what, a[rounds-1], a[h], b[rounds-1], b[h], ratio[h])
}
