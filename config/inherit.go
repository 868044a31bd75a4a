package config

// inForce is an experiment as it holds for a tenant: each field with the place that it was written at.
type inForce struct {
	FileExperiment
	tenant string // "" is every tenant that has no experiment of the name
}

// experimentsInForce takes what tenants inherit into account: each field of the experiment `name` is for tenant `acme` that of
// acme/name, else that of */name, else that of acme/*. In the order of the file; what a tenant has of a shared experiment stands
// behind that one, wherever it is written: who changes one field of it for a tenant does not change which of two
// experiments that exclude one another goes first there.
func experimentsInForce(f *File) []inForce {
	shared, common := map[string]*FileExperiment{}, map[string]*FileExperiment{}
	own := map[[2]string]bool{}
	versions := map[string][]*FileExperiment{} // of tenants, by name
	var tenants []string                       // that have a common part
	for i := range f.Experiments.Value {
		x := &f.Experiments.Value[i]
		switch {
		case x.Name == "*":
			common[x.Tenant] = x
			tenants = append(tenants, x.Tenant)
		case x.Tenant == "*" && shared[x.Name] == nil:
			shared[x.Name] = x
		case x.Tenant != "*":
			own[[2]string{x.Tenant, x.Name}] = true
			versions[x.Name] = append(versions[x.Name], x)
		}
	}
	out := make([]inForce, 0, len(f.Experiments.Value)+len(shared)*len(tenants))
	for i := range f.Experiments.Value {
		x := &f.Experiments.Value[i]
		switch {
		case x.Name == "" || x.Name == "*":
		case x.Tenant == "*":
			if shared[x.Name] != x {
				continue // name and */name: told where the keys are checked
			}
			out = append(out, inForce{*x, ""})
			for _, v := range versions[x.Name] {
				out = append(out, inForce{v.inherit(x).inherit(common[v.Tenant]), v.Tenant})
			}
			for _, tenant := range tenants {
				if !own[[2]string{tenant, x.Name}] {
					out = append(out, inForce{x.inherit(common[tenant]), tenant})
				}
			}
		case shared[x.Name] == nil:
			out = append(out, inForce{x.inherit(common[x.Tenant]), x.Tenant})
		}
	}
	return out
}

// countInForce counts the experiments that all tenants' requests meet: for every tenant that has a key of its own its experiments
// and the shared ones, and the shared ones once more for all others.
func countInForce(f *File) int {
	shared, own, tenants := map[string]bool{}, map[[2]string]bool{}, map[string]bool{}
	for i := range f.Experiments.Value {
		switch x := &f.Experiments.Value[i]; {
		case x.Name == "":
		case x.Tenant == "*":
			shared[x.Name] = true
		default:
			tenants[x.Tenant] = true
			if x.Name != "*" {
				own[[2]string{x.Tenant, x.Name}] = true
			}
		}
	}
	total := len(shared) * (1 + len(tenants))
	for key := range own {
		if !shared[key[1]] {
			total++
		}
	}
	return total
}

// inherit gives x with the fields of from that it does not have itself. from may be nil.
func (x FileExperiment) inherit(from *FileExperiment) FileExperiment {
	if from == nil {
		return x
	}
	take(&x.Layer, from.Layer)
	take(&x.Salt, from.Salt)
	take(&x.Owner, from.Owner)
	take(&x.When, from.When)
	take(&x.Slots, from.Slots)
	take(&x.State, from.State)
	take(&x.Start, from.Start)
	take(&x.End, from.End)
	take(&x.Routes, from.Routes)
	take(&x.DependsOn, from.DependsOn)
	take(&x.Excludes, from.Excludes)
	take(&x.Holdout, from.Holdout)
	take(&x.ExcludeExposed, from.ExcludeExposed)
	take(&x.Metadata, from.Metadata)
	take(&x.Variants, from.Variants)
	return x
}

func take[T any](to *Field[T], from Field[T]) {
	if !to.written() {
		*to = from
	}
}
