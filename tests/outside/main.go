// Verifies a log by other people's code alone: golang.org/x/mod/sumdb/{note,tlog} and github.com/transparency-dev.
//
//	outside LOG_FOLDER VERIFIER_KEY [-proof FILE -leaf FILE] [-witness COSIGNATURE_KEY]
//
// Prints the number of leaves that are what the signed tree says they are.
package main

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	checkpoint "github.com/transparency-dev/formats/log"
	cosigned "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/formats/proof"
	merkle "github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

// folder reads tiles as c2sp.org/tlog-tiles names them.
type folder string

func (f folder) Height() int { return height }

func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range tiles {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		content, err := os.ReadFile(filepath.Join(string(f), path))
		if err != nil {
			return nil, err
		}
		found = append(found, content)
	}
	return found, nil
}

// leaves returns the leaves of the bundle with this number.
func (f folder) leaves(number int64, width int) ([][]byte, error) {
	tile := tlog.Tile{H: height, L: -1, N: number, W: width}
	path := strings.Replace(tile.Path(), "tile/8/data/", "tile/entries/", 1)
	content, err := os.ReadFile(filepath.Join(string(f), path))
	var found [][]byte
	for len(content) >= 2 {
		length := int(binary.BigEndian.Uint16(content))
		found = append(found, content[2:2+length])
		content = content[2+length:]
	}
	return found, err
}

func main() {
	log.SetFlags(0)
	proofFile := flag.String("proof", "", "a .tlog-proof file")
	leafFile := flag.String("leaf", "", "the leaf that it proves")
	witness := flag.String("witness", "", "who must have cosigned")
	flag.Parse()
	if err := verify(folder(flag.Arg(0)), flag.Arg(1), *proofFile, *leafFile, *witness); err != nil {
		log.Fatal(err)
	}
}

func verify(f folder, key, proofFile, leafFile, witness string) error {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return err
	}
	raw, err := os.ReadFile(filepath.Join(string(f), "checkpoint"))
	if err != nil {
		return err
	}
	var others []note.Verifier
	if witness != "" {
		other, err := cosigned.NewVerifierForCosignatureV1(witness)
		if err != nil {
			return err
		}
		others = append(others, other)
	}
	head, _, signed, err := checkpoint.ParseCheckpoint(raw, verifier.Name(), verifier, others...)
	if err != nil {
		return err
	}
	if len(signed.Sigs) != 1+len(others) {
		return fmt.Errorf("%d signatures hold", len(signed.Sigs))
	}
	tree := tlog.Tree{N: int64(head.Size), Hash: tlog.Hash(head.Hash)}
	hashes := tlog.TileHashReader(tree, f)
	for start := int64(0); start < tree.N; start += 1 << height {
		leaves, err := f.leaves(start>>height, int(min(1<<height, tree.N-start)))
		if err != nil {
			return err
		}
		var indexes []int64
		for at := range leaves {
			indexes = append(indexes, tlog.StoredHashIndex(0, start+int64(at)))
		}
		found, err := hashes.ReadHashes(indexes) // which verifies the tiles up to the root
		if err != nil {
			return err
		}
		for at, leaf := range leaves {
			if tlog.RecordHash(leaf) != found[at] {
				return fmt.Errorf("leaf %d is not what the tree says", start+int64(at))
			}
		}
	}
	if proofFile != "" {
		if err := verifyProof(proofFile, leafFile, verifier); err != nil {
			return err
		}
	}
	fmt.Println(tree.N)
	return nil
}

func verifyProof(proofFile, leafFile string, verifier note.Verifier) error {
	raw, err := os.ReadFile(proofFile)
	if err != nil {
		return err
	}
	leaf, err := os.ReadFile(leafFile)
	if err != nil {
		return err
	}
	var found proof.TLogProof
	if err := found.Unmarshal(raw); err != nil {
		return err
	}
	if !bytes.Equal(found.ExtraData, leaf) {
		return fmt.Errorf("the proof is about another leaf")
	}
	head, _, _, err := checkpoint.ParseCheckpoint(found.Checkpoint, verifier.Name(), verifier)
	if err != nil {
		return err
	}
	var path [][]byte
	for _, hash := range found.Hashes {
		path = append(path, hash[:])
	}
	return merkle.VerifyInclusion(rfc6962.DefaultHasher, found.Index, head.Size, rfc6962.DefaultHasher.HashLeaf(leaf), path, head.Hash)
}
