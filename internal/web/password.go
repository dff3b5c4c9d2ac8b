package web

// NewPassword asks for a new password, behind a one-time link.
type NewPassword struct {
	Code     string
	Username string
	Error    string
	// MayKeep offers to keep the password that there is, and only to sign in with this browser.
	MayKeep bool
}

func (NewPassword) template() (string, string) { return "newpassword.html", "Set a password" }
