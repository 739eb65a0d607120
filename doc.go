// Package nn builds, trains and runs neural networks.
package nn
