-- Every source's views of somebody, whichever entity they stand in. What is there already and unchanged is not
-- written again.
with identified as (
    {{ union_of_sources('identified') }}
)

select * from identified
