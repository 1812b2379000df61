package disk

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// fileName is what a served disk is called in its directory.
const fileName = "disk"

// serve shows the disk as a file in a directory, until end is called.
func (d *Disk) serve(dir string) (end func() error, err error) {
	root := &fs.Inode{}
	forever := time.Hour
	server, err := fs.Mount(dir, root, &fs.Options{
		MountOptions: fuse.MountOptions{
			DirectMountStrict: true, FsName: "arqd-test-disk", MaxWrite: 1 << 20, DisableXAttrs: true, DisableSplice: true,
		},
		AttrTimeout: &forever, EntryTimeout: &forever,
		OnAdd: func(ctx context.Context) {
			root.AddChild(fileName, root.NewPersistentInode(ctx, &file{d: d}, fs.StableAttr{Mode: syscall.S_IFREG}), false)
		},
	})
	if err != nil {
		return nil, fmt.Errorf("the disk cannot be served at %s: %w", dir, err)
	}
	return server.Unmount, nil
}

// file is the disk as the kernel sees it.
type file struct {
	fs.Inode
	d *Disk
}

var (
	_ = fs.NodeGetattrer((*file)(nil))
	_ = fs.NodeSetattrer((*file)(nil))
	_ = fs.NodeOpener((*file)(nil))
	_ = fs.NodeReader((*file)(nil))
	_ = fs.NodeWriter((*file)(nil))
	_ = fs.NodeFsyncer((*file)(nil))
)

// Getattr implements fs.NodeGetattrer.
func (f *file) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	out.Mode, out.Size, out.Blksize = 0o600, uint64(f.d.size), block
	out.Uid, out.Gid = uint32(os.Getuid()), uint32(os.Getgid())
	return 0
}

// Setattr implements fs.NodeSetattrer: times are of no interest.
func (f *file) Setattr(ctx context.Context, h fs.FileHandle, _ *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	return f.Getattr(ctx, h, out)
}

// Open implements fs.NodeOpener. The kernel is to keep nothing of it: the cache is ours.
func (f *file) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, fuse.FOPEN_DIRECT_IO, 0
}

// Read implements fs.NodeReader.
func (f *file) Read(_ context.Context, _ fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	n, ok := f.d.read(dest, off)
	return fuse.ReadResultData(dest[:n]), f.d.answer(ok)
}

// Write implements fs.NodeWriter.
func (f *file) Write(_ context.Context, _ fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	ok := f.d.write(data, off)
	return uint32(len(data)), f.d.answer(ok)
}

// Fsync implements fs.NodeFsyncer.
func (f *file) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	return f.d.answer(f.d.flush())
}

// answer is that of a request; without power there is none until Release.
func (d *Disk) answer(ok bool) syscall.Errno {
	if ok {
		return 0
	}
	<-d.released
	return syscall.EIO
}
