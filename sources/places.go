package sources

import (
	"fmt"
	"os"
	"slices"

	"graygate/sources/geo"
)

// places are the MMDB files of a config, read.
type places struct {
	config GeoConfig
	files  []os.FileInfo // as they were before they were read
	reader *geo.Reader
}

// renew gives p itself if it has that config and its files are as they were, else it reads them. p may be nil. MMDB files
// are not watched: what was replaced is read by the next reload of the config.
func (p *places) renew(c GeoConfig) (*places, error) {
	files := make([]os.FileInfo, len(c.Files))
	for i, name := range c.Files {
		files[i], _ = os.Stat(name) // what is wrong with it will Open say
	}
	if p != nil && p.config.Language == c.Language && slices.Equal(p.config.Files, c.Files) && slices.EqualFunc(p.files, files, unchanged) {
		return p, nil
	}
	reader, err := geo.Open(c.Files, c.Language)
	if err != nil {
		return nil, fmt.Errorf("geo: %w", err)
	}
	c.Files = slices.Clone(c.Files)
	return &places{config: c, files: files, reader: reader}, nil
}

func (p *places) close() { _ = p.reader.Close() }

func unchanged(a, b os.FileInfo) bool {
	return a != nil && b != nil && os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}
