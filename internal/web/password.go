package web

// NewPassword asks for a new password, behind a one-time link.
type NewPassword struct {
	Code     string
	Username string
	Error    string
}

func (NewPassword) template() (string, string) { return "newpassword.html", "Set a password" }
