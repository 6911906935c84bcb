package sdk

// Roles tells which roles an instance offers.
type Roles struct {
	Prober, Resource, Promoter, Fencer, Sleeper, Link, Tuner, Evidence bool
}

// RolesOf finds the roles of an instance by type assertion.
func RolesOf(instance Instance) Roles {
	var roles Roles
	_, roles.Prober = instance.(Prober)
	_, roles.Resource = instance.(Resource)
	_, roles.Promoter = instance.(Promoter)
	_, roles.Fencer = instance.(Fencer)
	_, roles.Sleeper = instance.(Sleeper)
	_, roles.Link = instance.(Link)
	_, roles.Tuner = instance.(Tuner)
	_, roles.Evidence = instance.(Evidence)
	return roles
}

// String returns the roles' names, e.g. "prober, evidence".
func (r Roles) String() string {
	text := ""
	for _, role := range []struct {
		has  bool
		name string
	}{
		{r.Prober, "prober"},
		{r.Resource, "resource"},
		{r.Promoter, "promoter"},
		{r.Fencer, "fencer"},
		{r.Sleeper, "sleeper"},
		{r.Link, "link"},
		{r.Tuner, "tuner"},
		{r.Evidence, "evidence"},
	} {
		if role.has && text != "" {
			text += ", "
		}
		if role.has {
			text += role.name
		}
	}
	return text
}
