package rig

// haproxySpec starts HAProxy in the foreground, as one process without a master.
func haproxySpec(p *Proxy) (Spec, error) {
	path, err := Find("haproxy")
	if err != nil {
		return Spec{}, err
	}
	return Spec{Path: path, Args: []string{"-db", "-f", p.config()}}, nil
}
