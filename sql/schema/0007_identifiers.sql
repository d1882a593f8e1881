-- What ad platforms may be told of who a customer is: hashes, and what platforms want in the clear. Nothing of a person is
-- copied out of raw_event but values made under a rule, and only under rules that an enabled account asks for.

-- One value per customer and rule (conversion_sync.model.identifier.Rule), made of the record source_ref of stated_at.
create table customer_identifier (
    customer_key text        not null,
    rule         text        not null,
    value        text        not null,
    source_ref   text        not null,
    stated_at    timestamptz not null,
    primary key (customer_key, rule),
    -- Nothing, and the hash of nothing, would link every customer without a value to every other.
    check (value not in ('', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'))
);

-- The rules each billing account's customers are kept under, as the configuration of the last run asked.
create table identifier_rule (
    provider text not null,
    account  text not null,
    rule     text not null,
    primary key (provider, account, rule)
);
