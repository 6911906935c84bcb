package config

import "github.com/storeward/storeward/core/sdk"

// Duration is a time with its unit, e.g. 200ms; the SDK's own, because plugins' sections hold it too.
type Duration = sdk.Duration

// Secret is a value that is never printed: text, {file: /path} or {credential: name}.
type Secret = sdk.Secret
