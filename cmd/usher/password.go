package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

const maxPasswordLine = 4096

// readPassword asks twice, without echo, where a person sits at the terminal, and else reads one line of
// standard input. There is no flag for it: other users of a machine can read a command line.
func readPassword(cmd *cobra.Command) (string, error) {
	in, ok := cmd.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return passwordLine(cmd.InOrStdin())
	}
	first, err := prompt(cmd, in, "New password: ")
	if err != nil {
		return "", err
	}
	second, err := prompt(cmd, in, "Once more: ")
	if err != nil {
		return "", err
	}
	if first != second {
		return "", errors.New("the two passwords differ; nothing was changed")
	}
	return first, nil
}

func prompt(cmd *cobra.Command, in *os.File, words string) (string, error) {
	fmt.Fprint(cmd.ErrOrStderr(), words)
	password, err := term.ReadPassword(int(in.Fd()))
	fmt.Fprintln(cmd.ErrOrStderr())
	return string(password), err
}

func passwordLine(in io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(in, maxPasswordLine)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return "", errors.New("there is no password: type it at the prompt, or pass it as one line of standard input")
	}
	return line, nil
}
