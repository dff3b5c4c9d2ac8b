package pages

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/store"
)

func (p *Pages) fileRoutes() []route.Route {
	apply := fileKind{"/admin/files/apply", "Apply a file", (*Pages).planFile}
	curity := fileKind{"/admin/files/import-curity", "Import from Curity", (*Pages).planCurity}
	return []route.Route{
		{Pattern: "GET /admin/files", Op: manage.OpExport, Handle: p.showFiles},
		{Pattern: "GET /admin/files/usher.yaml", Op: manage.OpExport, Handle: p.exportFile},
		{Pattern: "GET " + apply.Path, Op: manage.OpApply, Handle: p.askFile(apply)},
		{Pattern: "POST " + apply.Path, Op: manage.OpApply, Handle: p.takeFile(apply)},
		{Pattern: "GET " + curity.Path, Op: manage.OpImportCurity, Handle: p.askFile(curity)},
		{Pattern: "POST " + curity.Path, Op: manage.OpImportCurity, Handle: p.takeFile(curity)},
	}
}

// fileKind is one kind of file that is read here.
type fileKind struct {
	Path, Title string
	plan        func(*Pages, *route.Call, *form) (*manage.Plan, error)
}

// filesView offers what the caller may do with files.
type filesView struct{ MayExport, MayApply, MayImport bool }

func (p *Pages) showFiles(c *route.Call) error {
	return p.render(c, http.StatusOK, "files.html", "Files", filesView{
		c.Caller.May(manage.OpExport), c.Caller.May(manage.OpApply), c.Caller.May(manage.OpImportCurity),
	})
}

func (p *Pages) exportFile(c *route.Call) error {
	text, err := c.Manage.Export(c.R.Context())
	if err != nil {
		return err
	}
	h := c.W.Header()
	h.Set("Content-Type", "application/yaml; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="usher.yaml"`)
	h.Set("Cache-Control", "no-store")
	_, err = c.W.Write(text)
	return err
}

// fileView is the form for a file, what is wrong with the file, or what it would change.
type fileView struct {
	fileKind
	Form   *form
	Curity bool
	Faults []faultLine
	Plan   *manage.Plan
	// Stale: what is shown now is not what was agreed to.
	Stale bool
}

// faultLine is a fault with the line that it is in.
type faultLine struct {
	manage.LineFault
	Text string
}

func (p *Pages) askFile(kind fileKind) func(*route.Call) error {
	return func(c *route.Call) error {
		return p.fileForm(c, http.StatusOK, fileView{fileKind: kind, Form: newForm(nil, 0)})
	}
}

func (p *Pages) fileForm(c *route.Call, status int, v fileView) error {
	v.Curity = v.Path != "/admin/files/apply"
	return p.render(c, status, "file.html", v.Title, v)
}

// takeFile shows what a file would change; the form of that page sends the same text again, with the plan's fingerprint,
// and only if the plan is still the same it is carried out.
func (p *Pages) takeFile(kind fileKind) func(*route.Call) error {
	return func(c *route.Call) error {
		f, err := readUpload(c)
		if err != nil {
			return err
		}
		v := fileView{fileKind: kind, Form: f}
		if strings.TrimSpace(f.Get("text")) == "" {
			f.fault("text", "choose a file, or paste its text")
			return p.fileForm(c, http.StatusUnprocessableEntity, v)
		}
		plan, err := kind.plan(p, c, f)
		if faults, wrong := errors.AsType[manage.FileFaults](err); wrong {
			v.Faults = beside(faults, f.Get("text"))
			return p.fileForm(c, http.StatusUnprocessableEntity, v)
		}
		if f.refused(err) {
			return p.fileForm(c, http.StatusUnprocessableEntity, v)
		}
		if err != nil {
			return err
		}
		v.Plan = plan
		return p.applyIfAgreed(c, v)
	}
}

func (p *Pages) applyIfAgreed(c *route.Call, v fileView) error {
	agreed := v.Form.text("fingerprint")
	if agreed == "" {
		return p.fileForm(c, http.StatusOK, v)
	}
	v.Stale = true
	if agreed != v.Plan.Fingerprint {
		return p.fileForm(c, http.StatusConflict, v)
	}
	err := c.Manage.Apply(c.R.Context(), v.Plan)
	if errors.Is(err, store.ErrConflict) {
		if v.Plan, err = v.plan(p, c, v.Form); err == nil {
			return p.fileForm(c, http.StatusConflict, v)
		}
	}
	if err != nil {
		return err
	}
	return redirect(c, "/admin/changes", "applied")
}

func (p *Pages) planFile(c *route.Call, f *form) (*manage.Plan, error) {
	return c.Manage.PlanFile(c.R.Context(), []byte(f.Get("text")), manage.FileOptions{Prune: f.on("prune")})
}

func (p *Pages) planCurity(c *route.Call, f *form) (*manage.Plan, error) {
	return c.Manage.PlanCurity(c.R.Context(), []byte(f.Get("text")))
}

// beside puts the lines of a text beside its faults.
func beside(faults manage.FileFaults, text string) []faultLine {
	lines := strings.Split(text, "\n")
	list := make([]faultLine, len(faults))
	for i, fault := range faults {
		list[i].LineFault = fault
		if n := fault.Line - 1; n >= 0 && n < len(lines) {
			list[i].Text = cut(strings.TrimSuffix(lines[n], "\r"), 200)
		}
	}
	return list
}

// cut shortens a text for people.
func cut(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

// readUpload reads a form with a file in it; the file's text takes the place of the pasted one. Nothing of it touches
// the disk of this server.
func readUpload(c *route.Call) (*form, error) {
	if kind, _, _ := mime.ParseMediaType(c.R.Header.Get("Content-Type")); kind != "multipart/form-data" {
		return readForm(c)
	}
	c.R.Body = http.MaxBytesReader(c.W, c.R.Body, manage.MaxFile+maxForm)
	parts, err := c.R.MultipartReader()
	if err != nil {
		return nil, unreadableFile(err)
	}
	f := newForm(url.Values{}, 0)
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return f, nil
		}
		if err != nil {
			return nil, unreadableFile(err)
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return nil, unreadableFile(err)
		}
		switch name := part.FormName(); {
		case name == "file" && len(content) > 0:
			f.Set("text", string(content))
		case name == "text" && f.Get("text") == "":
			f.Set("text", string(content))
		case name == "prune" || name == "fingerprint":
			f.Set(name, string(content))
		}
	}
}

// unreadableFile says where a file can go that is too large for these pages.
func unreadableFile(err error) error {
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return manage.Invalid{{Field: "file", Problem: "it is larger than these pages take; the command \"usher apply\" on the server takes it"}}
	}
	return unreadable(err)
}
