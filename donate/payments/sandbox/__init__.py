"""A payment provider in the house: speaks the Stripe HTTP API, keeps its state in its own tables, moves no money.

Routes (`api.ROUTES` is the list itself; tests hold every answer against the SDK's annotations):

    checkout/sessions          create, retrieve, list, expire, line_items; mode payment and subscription
    payment_intents, charges   read, charges also listed
    refunds                    create, retrieve, list, change metadata, cancel
    disputes                   retrieve, list, close (give up)
    radar/early_fraud_warnings retrieve, list
    customers, subscriptions, invoices, invoice_payments
    balance, balance_transactions (also by payout), payouts (create, retrieve, list, cancel)
    events                     retrieve, list by kind, time and delivery
    account, webhook_endpoints read

What a donor, a bank or somebody in the provider's dashboard does are functions: `outcomes.pay`, `decline`;
`wallets.begin`, `answer`, `turn_back`; `delayed.begin`;
`refunds.refund_in_dashboard`, `fail_refund`, `cancel_refund`; `disputes.open_dispute`, `escalate_dispute`,
`answer_dispute`, `close_dispute`, `warn_of_fraud`; `payouts.pay_out_now`, `fail_payout`, `set_automatic`. `ripening`
does what time alone brings. `trouble` breaks calls, the post and the endpoint. `server.serving` answers over HTTP.

Differences from the real one, on purpose: a refund or dispute of a charge whose fee is not known yet writes the
charge's line first; a refund of a wallet that fails has a line of type `refund_failure`, as a card's; `pending_webhooks`
of a stored event stays what it was when it was sent; a payment that is refused in a wallet leaves a failed charge, as a
card's; a subscription that never began expires with its page, not a day later. Alipay and WeChat Pay tell their outcome
at once, as the real ones do in a session; that a payment is worked on first, as a bank debit is, must be asked for.
"""
