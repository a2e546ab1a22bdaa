package bot

import (
	"path/filepath"

	"ecsbot/audit"
	"ecsbot/store"
)

// keyFile is the audit key's place under STATE_DIR when AUDIT_KEY is unset.
const keyFile = "audit.key"

func keyPath(cfg Config) string { return filepath.Join(cfg.StateDir, keyFile) }

// newSigner signs checkpoints of the store's log.
func newSigner(cfg Config, db *store.DB) (audit.Signer, error) {
	key, err := audit.LoadOrCreateKey(cfg.AuditKey.Reveal(), keyPath(cfg))
	if err != nil {
		return audit.Signer{}, err
	}
	return audit.Signer{Log: db, Key: key}, nil
}
