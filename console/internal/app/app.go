// Package app puts the console together and runs it.
package app
