package config

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

const markdownHead = `# Configuration

<!-- Made from the table in cmd/arqd/config/options.go by
     go test ./cmd/arqd/config -run TestDocumentation -update -->

` + "`arqd serve --config-file FILE`" + ` reads ini files in the manner of oslo.config; give
the flag several times and a later file wins over an earlier one. With no file
arqd starts with the defaults below.

- Sections are ` + "`[name]`" + `, options ` + "`name = value` or `name: value`" + `.
- A line that begins with ` + "`#` or `;`" + ` is a comment. There are no comments behind
  a value.
- A line that begins with a blank continues the value above it.
- An option that is set twice has the later value. A pair of quotes around a
  value is taken away.
- ` + "`$name`, `${name}`, `$section.name` and `${section.name}`" + ` stand for the value of
  another option: without a section, of the same section or of ` + "`[DEFAULT]`" + `.
  Write ` + "`$$`" + ` for the sign itself.
- Booleans are true, yes, on, 1 and false, no, off, 0.

The environment wins over the files: ` + "`ARQD_<SECTION>__<OPTION>`" + `, in capitals, for
example ` + "`ARQD_API__PORT=7777` or `ARQD_DEFAULT__DEBUG=true`" + `.

arqd warns of sections and options that it does not know. A bad value stops it
before it starts, with the file, the line and the option. ` + "`arqd serve --print-config`" + `
shows the configuration in effect and where each value comes from.

Options marked *reload* take effect without a restart.
`

const markdownAgent = `
# Configuration of an agent

` + "`arqd agent --config-file FILE` and `arqd agent discover`" + ` read, besides ` + "`[DEFAULT]` and `[fake]`" + `
above, the options below. The agent's journal is in ` + "`state_path`/agent" + `. Service and agent may share a file: neither minds the
sections of the other. Options that the reference has are its own by name and
meaning; the sections of vGPU types and the mappings of network cards are there
when ` + "`enabled_vgpu_types` and `enabled_nic_types`" + ` name them.
`

// WriteMarkdown writes the reference of all options: docs/configuration.md.
func WriteMarkdown(w io.Writer) error {
	out := bufio.NewWriter(w)
	fmt.Fprint(out, markdownHead)
	writeTables(out, Options())
	fmt.Fprint(out, markdownAgent)
	writeTables(out, append(AgentOptions(), vgpuOption("TYPE")))
	return out.Flush()
}

func writeTables(out io.Writer, options []Option) {
	for i := range options {
		o := &options[i]
		if i == 0 || options[i-1].Group != o.Group {
			fmt.Fprintf(out, "\n## [%s]\n\n| Option | Value | Default | Meaning |\n|---|---|---|---|\n", o.Group)
		}
		fmt.Fprintf(out, "| `%s` | %s | %s | %s |\n", o.Name, o.Type, o.defaultWords(), o.meaning())
	}
}

func (o *Option) defaultWords() string {
	switch {
	case o.computed != "":
		return o.computed
	case o.Default == "":
		return "empty"
	default:
		return "`" + o.Default + "`"
	}
}

func (o *Option) meaning() string {
	text := strings.ReplaceAll(o.Help, "|", `\|`)
	if o.Reloadable {
		text += " *reload*"
	}
	return text
}
