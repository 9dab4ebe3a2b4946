package main

// sipscript completion: what shells complete, made from the commands and their flags.

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

func completionCommand(env environment) *cli.Command {
	return &cli.Command{
		Name: "completion", Usage: "print what a shell needs to complete commands and flags: bash, zsh or fish", ArgsUsage: "SHELL", OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			words := shellWords(c.App.Commands)
			switch shell := c.Args().First(); shell {
			case "bash":
				bashCompletion(env.stdout, words, "")
			case "zsh": // which understands bash's
				bashCompletion(env.stdout, words, "#compdef sipscript\nautoload -U +X bashcompinit && bashcompinit\n")
			case "fish":
				fishCompletion(env.stdout, words)
			default:
				return usagef("completion: expected bash, zsh or fish: found %q", shell)
			}
			return nil
		},
	}
}

// shellWords are the words that may follow a command, by the command: "" for what comes first,
// "acl block" for flags of that.
func shellWords(list []*cli.Command) map[string][]string {
	words := map[string][]string{}
	var walk func(above string, list []*cli.Command)
	walk = func(above string, list []*cli.Command) {
		for _, c := range list {
			if c.Hidden {
				continue
			}
			words[above] = append(words[above], c.Name)
			name := strings.TrimSpace(above + " " + c.Name)
			for _, f := range flagNames(c.Flags) {
				words[name] = append(words[name], dashed(f))
			}
			if c.Name != "help" { // which has itself as a sub-command once it has run
				walk(name, c.Subcommands)
			}
		}
	}
	walk("", list)
	return words
}

// bashCompletion takes the longest run of words that is a command.
func bashCompletion(w io.Writer, words map[string][]string, head string) {
	fmt.Fprint(w, head, `_sipscript() {
  local at="" word words="" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="${COMP_WORDS[i]}"
    case "$word" in -*) continue ;; esac
    case "${at:+$at }$word" in
`)
	for _, name := range slices.Sorted(maps.Keys(words)) {
		if name != "" {
			fmt.Fprintf(w, "      %q) at=%q ;;\n", name, name)
		}
	}
	fmt.Fprint(w, "    esac\n  done\n  case \"$at\" in\n")
	for _, name := range slices.Sorted(maps.Keys(words)) {
		fmt.Fprintf(w, "    %q) words=%q ;;\n", name, strings.Join(words[name], " "))
	}
	fmt.Fprint(w, `  esac
  COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))
  if [ ${#COMPREPLY[@]} -eq 0 ]; then COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")); fi
}
complete -o filenames -F _sipscript sipscript
`)
}

func fishCompletion(w io.Writer, words map[string][]string) {
	for _, name := range slices.Sorted(maps.Keys(words)) {
		when := "__fish_use_subcommand"
		if name != "" {
			when = "__fish_seen_subcommand_from " + strings.ReplaceAll(name, " ", "; and __fish_seen_subcommand_from ")
		}
		for _, word := range words[name] {
			if flag, ok := strings.CutPrefix(word, "--"); ok {
				fmt.Fprintf(w, "complete -c sipscript -n %q -l %s\n", when, flag)
			} else if flag, ok := strings.CutPrefix(word, "-"); ok {
				fmt.Fprintf(w, "complete -c sipscript -n %q -s %s\n", when, flag)
			} else {
				fmt.Fprintf(w, "complete -c sipscript -n %q -a %s\n", when, word)
			}
		}
	}
}
