package replay

import "maps"

// view returns o with one more View behind a stage.
func (o Options) view(stage string, f func(View)) Options {
	views := maps.Clone(o.Views)
	if views == nil {
		views = map[string]func(View){}
	}
	if other := views[stage]; other != nil {
		views[stage] = func(v View) { f(v); other(v) }
	} else {
		views[stage] = f
	}
	o.Views = views
	return o
}
