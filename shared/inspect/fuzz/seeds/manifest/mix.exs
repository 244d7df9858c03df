mix.exs
defmodule A do
 def project, do: [app: :a, version: "0.1.0", elixir: "~> 1.15", deps: [{:phoenix, "~> 1.7"}]]
end
