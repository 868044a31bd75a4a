package config

import (
	"reflect"
	"time"

	"graygate/match"
)

// fillExperiments adds what experiments need to a plan.
func (s *source) fillExperiments(p *Plan, f *File, inForce []inForce) {
	g := f.Geo.Value
	for _, x := range g.Files.Value {
		p.Geo.Files = append(p.Geo.Files, s.absolute(x.Value))
	}
	p.Geo.Language = g.Language.or(p.Geo.Language)
	for _, x := range f.Audiences.Value {
		p.Audiences = append(p.Audiences, s.fillAudience(x))
	}
	layers := map[string]Layer{}
	for _, x := range f.Layers.Value {
		l := Layer{Name: x.Name.Value, By: x.By.Value, Salt: x.Salt.or(x.Name.Value), Holdout: x.Holdout.or("")}
		layers[l.Name] = l
		p.Layers = append(p.Layers, l)
	}
	for _, x := range f.Holdouts.Value {
		p.Holdouts = append(p.Holdouts, Holdout{Name: x.Name.Value, By: x.By.Value, Salt: x.Salt.or(x.Name.Value), PPM: x.Percent.Value})
	}
	for _, x := range f.MetadataTypes.Value {
		p.MetadataTypes = append(p.MetadataTypes, MetadataType{Name: x.Name.Value, Schema: x.Schema.Value, File: s.pathOf(x.File)})
	}
	shared := map[string]Experiment{}
	for i := range inForce {
		x := &inForce[i]
		e := fillExperiment(x, layers)
		if x.tenant == "" {
			shared[e.Name] = e
		} else if x.Key.Value != x.tenant+"/"+x.Name {
			// Through acme/* alone: where that changes nothing, the shared one is enough.
			same := shared[e.Name]
			same.Tenant = e.Tenant
			if reflect.DeepEqual(e, same) {
				continue
			}
		}
		p.Experiments = append(p.Experiments, e)
	}
	a := f.Assignments.Value
	p.Assignments = Assignments{Cookie: a.Cookie.or(""), OverrideKeyFile: s.pathOf(a.OverrideKeyFile)}
	for _, x := range f.Attributes.Value {
		if i := x.Issue.Value; i.On {
			p.Issued = append(p.Issued, Issued{
				Attribute: x.Name.Value, Cookie: cookieOf(values[match.Source](x.From.Value)), MaxAge: i.MaxAge.or(DefaultCookieAge),
				Secure: i.Secure.or(true), FirstRequest: i.FirstRequest.or(FirstStable), KeyFile: s.pathOf(i.KeyFile),
			})
		}
	}
}

// DefaultCookieAge is a year: for so long an issued unit stays the same.
const DefaultCookieAge = 365 * 24 * time.Hour

func (s *source) pathOf(f Field[string]) string {
	if f.Value == "" {
		return ""
	}
	return s.absolute(f.Value)
}

func (s *source) fillAudience(x FileAudience) Audience {
	a := Audience{
		Name: x.Name.Value, File: s.pathOf(x.File), Redis: x.Redis.or(""), Key: x.Key.or(""),
		Approximate: x.Approximate.or(false), MaxMembers: x.MaxMembers.or(50_000_000),
	}
	if a.Redis != "" {
		a.Refresh = x.Refresh.or(time.Minute)
	}
	return a
}

func fillExperiment(x *inForce, layers map[string]Layer) Experiment {
	e := Experiment{
		Tenant: x.tenant, Name: x.Name, Layer: x.Layer.Value, Salt: x.Salt.or(x.Name), Slots: values[match.SlotRange](x.Slots.Value),
		State: x.State.or(Created), Owner: x.Owner.or(""), Start: x.Start.Value, End: x.End.Value,
		When: trimWhen(x.When.Value), Routes: values[string](x.Routes.Value),
		DependsOn: values[string](x.DependsOn.Value), Excludes: values[string](x.Excludes.Value),
		Holdout: x.Holdout.Value.Name, HoldoutPPM: x.Holdout.Value.PPM,
	}
	for _, y := range x.ExcludeExposed.Value {
		// Of the layer that is named, else of the experiment's own.
		of := layers[y.Layer.or(e.Layer)]
		e.ExcludeExposed = append(e.ExcludeExposed, Exposure{
			Layer: y.Layer.or(""), By: y.By.or(of.By), Salt: y.Salt.or(of.Salt), Slots: values[match.SlotRange](y.Slots.Value),
		})
	}
	if x.Metadata.Set {
		e.MetadataType, e.Metadata = x.Metadata.Value.Type.Value, x.Metadata.Value.Values
	}
	for _, y := range x.Variants.Value {
		v := Variant{Name: y.Name.Value, Weight: y.Weight.Value, To: y.To.or(""), Force: values[string](y.Force.Value)}
		for _, h := range y.Headers.Value {
			v.Headers = append(v.Headers, Header{Name: h.Name.Value, Value: h.Value.Value})
		}
		e.Variants = append(e.Variants, v)
	}
	return e
}
