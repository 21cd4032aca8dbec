"""English sentences, mails and talks with places for values, of the fifth part. They know no value."""

from __future__ import annotations

PROSE = (
    # Social security numbers.
    "Hi, I need to fix my direct deposit. My SSN is {{SSN_NAMED}} and I started on {{day}}.",
    "The applicant's social security number, {{SSN_NAMED}}, did not match the one on the W-2.",
    "Please send form 1099 to {{name}} (SSN {{SSN_NAMED}}) before {{day}}.",
    "I typed my Social Security No. wrong last time, it should read {{SSN}}.",
    "Background check for {{name}}, born {{born}}, {{SSN}}, requested by {{company}}.",
    "{{name}} identified herself with {{SSN}} and her date of birth, {{born}}.",
    "To confirm who you are: you are {{name}}, {{born}}, {{SSN}}, is that right?",
    "My name is {{name}}, born {{born}} in {{city}}, {{SSN}}, and I request a copy of my file.",
    "Deceased: {{name}}, {{born}}, {{SSN}}, last residence {{city}}.",
    "Patient {{name}} was admitted at {{hour}}; DOB {{born}}, SSN {{SSN_NAMED}}, insurance pending.",
    "For the lease we ran a credit report on both tenants: {{name}}, SSN {{SSN}}, and {{name}}, SSN {{SSN}}.",
    "Payroll rejected the record because the SSN ({{SSN_NAMED}}) belongs to another employee.",
    "Agent: Can you give me your full social?\nCaller: Sure, it's {{SSN}}.\nAgent: Thank you, {{first}}.",
    "Taxpayer ID (SSN): {{SSN_NAMED}}. Refund of ${{money}} approved.",
    "The spouse's SSN goes in box 2; hers is {{SSN}}, his is {{SSN}}.",
    # Cards.
    "You charged my card {{CARD}} twice on {{day}}, please refund ${{money}}.",
    "I'd like to pay by phone: {{CARD}}, expires {{expiry}}, thanks, {{first}}",
    "My old card was stolen; the new credit card is {{CARD_PLAIN}}.",
    "Guest {{name}} guaranteed the room with card {{CARD}} and arrives at {{hour}}.",
    "Please stop the subscription on credit card number {{CARD}}; I never signed up for it.",
    "customer: the card is {{CARD}}\nagent: and the name on it?\ncustomer: {{name}}",
    "The terminal printed the whole number, {{CARD}}, on the receipt for {{money}} USD, which it should not.",
    "Lost card report: {{CARD}}, last used in {{city}} on {{day}}.",
    "We refunded {{money}} to card {{CARD_PLAIN}} this morning.",
    # IBAN.
    "Please transfer the deposit of {{money}} EUR to {{IBAN}} by {{day}}.",
    "My new bank details: {{IBAN}}, account holder {{name}}.",
    "The refund bounced. Is {{IBAN}} still the right account, {{first}}?",
    "Rent goes from {{IBAN}} to {{IBAN}} on the first of each month.",
    "Supplier {{company}} changed its IBAN to {{IBAN}}; verify by phone before paying.",
    "Salary for {{name}} will be paid to {{IBAN}} as of {{day}}.",
    "SEPA mandate signed by {{name}} for account {{IBAN}}, first collection {{iso}}.",
    # E-mail.
    "You can reach me at {{EMAIL}} after {{hour}}.",
    "From: {{EMAIL}}\nTo: {{EMAIL}}\nSubject: {{product}} arrived broken\n\nHello, the {{product}} came with a crack in it.",
    "The invitation went to {{EMAIL}}, but {{first}} uses {{EMAIL}} now.",
    "On {{day}} at {{hour}}, {{name}} <{{EMAIL}}> wrote:\n> could you look at this again?",
    "Please cc {{EMAIL}} and {{EMAIL}} on everything about the {{city}} site.",
    "Newsletter: unsubscribe {{EMAIL}}, complaint no. {{digits_5}}.",
    "She signed as {{name}}, {{job}}, {{company}}, {{EMAIL}}",
    # Phones.
    "Call me back on {{PHONE_US}}, I'm in the office until {{hour}}.",
    "My mobile is {{PHONE_GB}}; leave a message if I don't answer.",
    "The Sydney desk's phone number is {{PHONE_AU}}, ask for {{first}}.",
    "{{name}} can be reached at {{PHONE}} or by mail at {{EMAIL}}.",
    "Reception at {{company}}: {{PHONE}}",
    "I got three missed calls from {{PHONE}} this week, is that you?",
    "Driver's cell: {{PHONE_US}}. He'll text when he's ten minutes out.",
    "Emergency contact: {{name}} (mother), phone {{PHONE_GB}}.",
    "Hi {{first}}, whatsapp me on {{PHONE}} when you land in {{city}}.",
    "Tel. {{PHONE_US}}, fax {{PHONE_US}}",
    "We dialled {{PHONE}} and {{PHONE}} without luck, next try {{day}}.",
    # Addresses of hosts and pages, hardware, coins, keys.
    "We see failed logins from {{IP}} since {{hour}}; please block it.",
    "The printer got {{IP4}} this morning and {{IP4}} after the reboot.",
    "Our v6 uplink is {{IP6}}; can your firewall let it in?",
    "I followed {{URL}} from your mail and got a blank page.",
    "The form at {{URL}} does not accept my postcode. Neither does {{URL}}.",
    "Track the parcel here: {{URL}}",
    "Register the new {{product}} on the guest network, MAC address {{MAC}}.",
    "The switch saw {{MAC}} on two ports at {{clock}}.",
    "I sent the coins to {{COIN}} on {{day}} and nothing arrived.",
    "Ransom note: pay 0.{{small}} BTC to {{BITCOIN}} within 72 hours.",
    "Withdrawal of {{measure}} ETH to {{ETHEREUM}} is waiting for review.",
    "Donations are welcome: BTC {{BITCOIN}} or ETH {{ETHEREUM}}",
    "oops, I pasted {{KEY}} into the public channel, can somebody revoke it?",
    "Our API key for the sandbox is {{KEY_NAMED}}, it stopped working on {{day}}.",
    "{{first}}: which token does the bot use?\n{{first}}: {{SLACK}}\n{{first}}: please don't post that here!",
    "Ticket {{digits_5}}: customer sent a screenshot with the key {{STRIPE}} in it.",
    "Card on file {{CARD}}, contact {{EMAIL}}, callback {{PHONE}}.",
    "Closing the account of {{name}}: SSN {{SSN_NAMED}}, mail {{EMAIL}}, refund to card {{CARD}}.",
    # Talks and longer mails.
    "[{{hour}}] {{first}}: card was declined again\n[{{hour}}] support: which one?\n[{{hour}}] {{first}}: {{CARD}}\n[{{hour}}] support: see case {{digits_7}}",
    "[{{hour}}] {{first}}: is {{IP}} ours?\n[{{hour}}] {{first}}: no, ours end at {{IP}}",
    "Hi {{first}},\n\norder {{digits_10}} went out on {{day}}. If the driver cannot find you he will call {{PHONE}}.\n\n{{name}}\n{{company}}\n{{EMAIL}}",
    "Dear {{name}},\n\nwe could not match your payment of {{money}} EUR (invoice {{digits_8}}). Was it sent from {{IBAN}}?\n\nAccounts, {{company}}",
    "Agent: May I have a phone number in case we get cut off?\nCaller: {{PHONE_US}}.\nAgent: And the order number?\nCaller: {{digits_10}}.",
    "HR note: {{name}} ({{job}}) moved to {{city}}; new phone {{PHONE}}, new bank account {{IBAN}}, SSN unchanged.",
    "Caller refused to give an SSN but left a number, {{PHONE}}, and asked for {{first}}.",
    "> which wallet did you use?\n{{COIN}}, the one in the screenshot from {{day}}.",
    "The leaked notebook had {{KEY}} in cell {{small}} and the commit {{hex_7}} right below it.",
    "Please revoke {{KEY}} and {{KEY}}, both were in the log of {{iso}}.",
    (
        "Minutes of {{iso}}\n\nPresent: {{name}}, {{name}}.\n1. Lot {{digits_7}} was recalled, {{money}} EUR so far.\n"
        "2. Refunds come from {{IBAN}}.\n3. Press calls go to {{PHONE}}, mails to {{EMAIL}}.\n\nNext meeting on {{day}} at {{hour}}."
    ),
    (
        "Post mortem {{code}}\n\nAt {{clock}} the job read {{URL}} with a stale token. At {{clock}} host {{IP}} began to retry, {{digits_4}} times "
        "a minute. Fixed in commit {{hex_7}}, released as {{version}}."
    ),
    (
        "Discharge letter\n\n{{name}}, born {{born}}, was with us from {{slash}} to {{slash}}. Hb {{measure}} g/l, file {{digits_8}}.\n"
        "SSN for the insurer: {{SSN_NAMED}}. Questions: phone {{PHONE_US}}."
    ),
    (
        "Dear {{first}},\n\nthank you for joining {{company}} as a {{job}}. Before {{day}} we need two things. Please confirm that your "
        "social security number is {{SSN}} and that we may pay your salary to {{IBAN}}.\n\n{{name}}, {{EMAIL}}"
    ),
)

OPENINGS = (
    "Hello team,",
    "Good morning.",
    "Sorry for the late reply.",
    "This is the second time I write.",
    "Following up on yesterday's call.",
    "Quick question first: are you open on Sunday?",
    "Internal note, not for the customer.",
    "As discussed,",
    "Reported by {{first}} from {{city}}.",
)
CLOSINGS = (
    "Thanks, {{first}}",
    "Best regards, {{name}}",
    "Please confirm.",
    "Let me know if you need anything else.",
    "I will be away until {{day}}.",
    "Not urgent.",
    "This has been going on for {{small}} days.",
    "Cheers",
)
