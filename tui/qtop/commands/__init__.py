"""The commands of `qtop`, in files by what they are about; `qtop.commands.cli` finds them."""
