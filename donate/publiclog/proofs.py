"""What a donor takes along: the proof that their entry is in the signed log, with what the entry commits to."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from donate.errors import N_, DonateError
from donate.ledger.models import EntryPrivate
from donate.publiclog import tree
from donate.publiclog.models import LogLeaf
from donate.tlog.merkle import inclusion_proof
from donate.tlog.note import read_note
from donate.tlog.proof_file import ProofFile
from donate.tlog.receipt import extra_of


class NotSignedYet(DonateError):
    sentence = N_("This entry is not under a published signature yet; it will be within minutes.")
    status = 404


class PrivateErased(DonateError):
    sentence = N_("What this entry committed to was erased here. The proof file that you saved before is still valid.")
    status = 410


def proof_of(session: Session, log_index: int) -> ProofFile:
    """The proof file of the entry at `log_index`, against the published checkpoint. Raises NotSignedYet, PrivateErased."""
    signed = tree.published(session)
    if signed is None or log_index >= signed.size:
        raise NotSignedYet
    leaf, entry_id = session.execute(select(LogLeaf.leaf, LogLeaf.entry_id).where(LogLeaf.log_index == log_index)).one()
    private = session.get(EntryPrivate, entry_id)
    if private is None:
        raise PrivateErased
    hashes = inclusion_proof(tree.nodes(session, signed.size), log_index, signed.size)
    return ProofFile(log_index, hashes, read_note(signed.note), extra_of(leaf, private.salt, private.fields))
