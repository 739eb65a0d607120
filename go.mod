module github.com/seed55f1b796/nn

go 1.26
