package nn

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// writeFile writes a file by write. If the file exists it is replaced, with
// its permissions kept, after write and everything else has succeeded; on
// any error it stays as it is.
func writeFile(name string, write func(io.Writer) error) (err error) {
	// Renaming would put a file in place of a link, or of a device.
	if target, err := filepath.EvalSymlinks(name); err == nil {
		name = target
	}
	mode := fs.FileMode(0o666) // less the umask
	info, err := os.Stat(name)
	if err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", name)
	}
	if err == nil {
		mode = info.Mode().Perm()
	}

	// In the same directory, so that renaming does not have to copy.
	temp, err := createTemp(name, mode)
	if err != nil {
		return err
	}
	defer func() {
		if temp != nil {
			temp.Close()
			os.Remove(temp.Name())
		}
	}()
	if err := write(temp); err != nil {
		return err
	}
	if info != nil {
		// The umask may have taken what the old file has.
		if err := temp.Chmod(mode); err != nil {
			return err
		}
	}
	if err := temp.Sync(); err != nil {
		return err
	}
	if err := temp.Close(); err != nil {
		return err
	}
	if err := os.Rename(temp.Name(), name); err != nil {
		return err
	}
	temp = nil
	// So that the new name outlasts a power failure, where directories can be synced.
	if dir, err := os.Open(filepath.Dir(name)); err == nil {
		dir.Sync()
		dir.Close()
	}
	return nil
}

// createTemp creates a file beside name whose name no other file has.
// (os.CreateTemp would make it unreadable to others for good.)
func createTemp(name string, mode fs.FileMode) (*os.File, error) {
	for {
		temp := fmt.Sprintf("%s.%08x.tmp", name, rand.Uint32())
		f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
}
