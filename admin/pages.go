package admin

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"

	"github.com/valyala/fasthttp"

	"graygate/config"
	"graygate/gateway"
)

func (s *Server) healthz(r *request) *problem {
	r.SetContentType(typeText)
	r.SetBodyString("ok\n")
	return nil
}

func (s *Server) readyz(r *request) *problem {
	r.SetContentType(typeText)
	st := s.Status()
	if st.Ready {
		r.SetBodyString("ready\n")
		return nil
	}
	r.SetStatusCode(fasthttp.StatusServiceUnavailable)
	r.SetBodyString("not ready\n")
	switch {
	case st.Draining:
		fmt.Fprint(r, "it is draining: it takes no new connections, and ends with the requests that it has\n")
	case st.Generation == 0:
		fmt.Fprint(r, "it is starting\n")
	}
	for _, a := range st.Audiences {
		if !a.Loaded {
			fmt.Fprintf(r, "audience %s is loading\n", a.Name)
		}
	}
	return nil
}

func (s *Server) status(r *request) *problem {
	body, err := json.MarshalIndent(s.Status(), "", "  ")
	if err != nil {
		panic("BUG: the status is no JSON: " + err.Error())
	}
	r.SetContentType(typeJSON)
	r.SetBody(append(body, '\n'))
	return nil
}

// openAPI is the document that describes all this.
//
//go:embed openapi.json
var openAPI []byte

func (s *Server) document(r *request) *problem {
	r.SetContentType(typeJSON)
	r.SetBody(openAPI)
	return nil
}

func (s *Server) configYAML(r *request) *problem {
	return s.shows(func(g *gateway.Gateway, snap *config.Snapshot) *problem {
		r.SetContentType("application/yaml")
		var b bytes.Buffer
		fmt.Fprintf(&b, "# Generation %d of %s, as it is in force; secrets are left out.\n", snap.Generation, shown(s.config))
		b.Write(snap.Plan.Redacted().YAML())
		r.SetBody(b.Bytes())
		return nil
	})
}

// shows calls with the gateway and its snapshot, or says that there is none yet.
func (s *Server) shows(answer func(*gateway.Gateway, *config.Snapshot) *problem) *problem {
	g := s.serving()
	if g == nil {
		return &problem{503, "starting", "the gateway does not serve yet", ""}
	}
	return answer(g, g.Snapshot())
}
