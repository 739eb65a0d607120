module github.com/seed55f1b796/nn/benchmarks

go 1.26

require github.com/seed55f1b796/nn v0.0.0

replace github.com/seed55f1b796/nn => ../
