go.mod
module example.org/a

go 1.22

toolchain go1.22.3

require (
	github.com/x/y/v2 v2.0.1-0.20200101000000-abcdef123456 // indirect
)
replace a => ../b
