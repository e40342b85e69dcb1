import type { ApiKey } from "../../api/keys";
import { ConfirmDialog } from "../../components/ConfirmDialog";
import { useRevokeKey } from "../../keyqueries";
import { tell } from "../../notices";
import { failureOf } from "../../schedulequeries";
import { session } from "../../session";

interface RevokeDialogProps {
  readonly apiKey: ApiKey;
  /** It is the one that the reader is signed in with. */
  readonly isOwn: boolean;
  readonly onClose: () => void;
}

export function RevokeDialog({ apiKey: { id, name }, isOwn, onClose }: RevokeDialogProps) {
  const revoke = useRevokeKey();
  return (
    <ConfirmDialog
      title={`Revoke ${name}?`}
      verb="Revoke"
      isDangerous
      {...(isOwn && { typed: name })}
      isPending={revoke.isPending}
      error={revoke.error && new Error(failureOf(revoke.error))}
      onClose={onClose}
      onConfirm={() => {
        revoke.mutate(id, {
          onSuccess: () => {
            tell("ok", `${name} was revoked.`);
            onClose();
            if (isOwn) session.signOut();
          },
        });
      }}
    >
      {isOwn && (
        <p className="notice notice-bad mb-3" data-testid="own-key">
          <strong>This is the key that you are signed in with.</strong> Revoking it signs you out. Without another admin's key nobody
          can make keys here any more.
        </p>
      )}
      <p>Within 30 seconds it opens nothing, and its live connections are cut. This cannot be undone.</p>
    </ConfirmDialog>
  );
}
