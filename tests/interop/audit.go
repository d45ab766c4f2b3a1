// Audit a log directory with golang.org/x/mod/sumdb: note verifies the checkpoint, tlog the tiles, proofs and records.
//
//	audit DIR VKEY OLD-CHECKPOINT
//
// Prints "ok SIZE ROOT" (root in hexadecimal), or exits with 1.
package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// folder reads tiles. Go's paths are tile/HEIGHT/LEVEL/N and tile/HEIGHT/data/N; those of tlog-tiles have no height.
type folder string

func (f folder) Height() int { return 8 }

func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}

func (f folder) file(tile tlog.Tile) ([]byte, error) {
	path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
	path = strings.Replace(path, "tile/data/", "tile/entries/", 1)
	return os.ReadFile(filepath.Join(string(f), path))
}

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		data, err := f.file(tile)
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func open(path string, key note.Verifier) tlog.Tree {
	data, err := os.ReadFile(path)
	must(err)
	signed, err := note.Open(data, note.VerifierList(key))
	must(err)
	lines := strings.Split(signed.Text, "\n")
	if len(lines) != 4 || lines[0] != key.Name() {
		must(fmt.Errorf("%s: not a checkpoint of %s", path, key.Name()))
	}
	// tlog's own parser wants its own first line; the rest is the same.
	tree, err := tlog.ParseTree([]byte("go.sum database tree\n" + lines[1] + "\n" + lines[2] + "\n"))
	must(err)
	return tree
}

func main() {
	dir := folder(os.Args[1])
	key, err := note.NewVerifier(os.Args[2])
	must(err)
	tree, old := open(filepath.Join(os.Args[1], "checkpoint"), key), open(os.Args[3], key)
	reader := tlog.TileHashReader(tree, dir)

	// The tree begins with the old one.
	grown, err := tlog.ProveTree(tree.N, old.N, reader)
	must(err)
	must(tlog.CheckTree(grown, tree.N, tree.Hash, old.N, old.Hash))

	// Every tile is what the entries give, and every 97th entry has a proof.
	var built []tlog.Hash
	stored := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, i := range indexes {
			out = append(out, built[i])
		}
		return out, nil
	})
	for n := int64(0); n*256 < tree.N; n++ {
		width := 256
		if tree.N-n*256 < 256 {
			width = int(tree.N - n*256)
		}
		data, err := dir.file(tlog.Tile{H: 8, L: -1, N: n, W: width})
		must(err)
		for i := 0; i < width; i++ {
			if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
				must(fmt.Errorf("bundle %d ends within an entry", n))
			}
			length := int(binary.BigEndian.Uint16(data))
			entry := data[2 : 2+length]
			data = data[2+length:]
			id := n*256 + int64(i)
			hashes, err := tlog.StoredHashes(id, entry, stored)
			must(err)
			built = append(built, hashes...)
			if id%97 == 0 {
				proof, err := tlog.ProveRecord(tree.N, id, reader)
				must(err)
				must(tlog.CheckRecord(proof, tree.N, tree.Hash, id, tlog.RecordHash(entry)))
			}
		}
		if len(data) != 0 {
			must(fmt.Errorf("bundle %d: %d bytes too many", n, len(data)))
		}
	}
	for _, tile := range tlog.NewTiles(8, 0, tree.N) {
		if held := tree.N>>(8*tile.L) - tile.N*256; tile.W < 256 && int64(tile.W) < held {
			continue // NewTiles names every width on the way; only the last one has to be there
		}
		want, err := tlog.ReadTileData(tile, stored)
		must(err)
		got, err := dir.file(tile)
		must(err)
		if string(got) != string(want) {
			must(fmt.Errorf("%s differs", tile.Path()))
		}
	}
	root, err := tlog.TreeHash(tree.N, stored)
	must(err)
	if root != tree.Hash {
		must(fmt.Errorf("root %v, signed %v", root, tree.Hash))
	}
	fmt.Printf("ok %d %x\n", tree.N, root[:])
}
